"""The calls of language models as rows of tables, for the report and for the pages of Dagster."""

from __future__ import annotations

from collections.abc import Iterable

from dj_assets.analysis.model_calls import KeptCalls, StepCalls

STEP_HEAD = ("step", "model", "prompts", "cached", "asked", "failed", "tokens in", "tokens out", "cost")
KEPT_HEAD = ("operator", "model", "calls", "failed", "tokens in", "tokens out", "seconds", "cost")
NO_PRICE = "no price"


def step_rows(calls: Iterable[StepCalls]) -> list[tuple[str, ...]]:
    """Return a row for each step, with the columns of `STEP_HEAD`."""
    return [
        (
            each.step,
            each.counts.model,
            *(f"{count:,}" for count in (each.counts.prompts, each.counts.kept, each.counts.asked, each.counts.failed)),
            f"{each.counts.tokens_in:,}",
            f"{each.counts.tokens_out:,}",
            money(each.cost),
        )
        for each in calls
    ]


def kept_rows(calls: Iterable[KeptCalls]) -> list[tuple[str, ...]]:
    """Return a row for each operator and model, with the columns of `KEPT_HEAD`."""
    return [
        (
            each.operator,
            each.model,
            *(f"{count:,}" for count in (each.calls, each.failed, each.tokens_in, each.tokens_out)),
            f"{each.seconds:,.1f}",
            money(each.cost),
        )
        for each in calls
    ]


def money(cost: float | None) -> str:
    """Return a price with four digits; the table of prices has no currency.

    Examples
    --------
    >>> money(1234.5), money(0.000125), money(0.0), money(None)
    ('1,234.50', '0.000125', '0', 'no price')
    """
    if cost is None:
        return NO_PRICE
    return f"{cost:,.2f}" if cost >= 1 else f"{cost:.4g}"
