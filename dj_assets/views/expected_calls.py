"""The expected calls of language models of a plan, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dj_assets.analysis.expected_calls import ASSUMPTION, EarlierCalls, ExpectedCalls
from dj_assets.sources.expected_records import ExpectedRecords
from dj_assets.views.call_table import NO_PRICE, money

if TYPE_CHECKING:
    from rich.console import RenderableType

_HEAD = ("asks a model", "model", "calls", "tokens in", "tokens out", "cost", "from")


def render_expected_calls(
    calls: Sequence[ExpectedCalls], records: ExpectedRecords, earlier: EarlierCalls
) -> list[RenderableType]:
    """Return a table of the expected calls, and lines that say what the numbers rest on; nothing without calls."""
    from rich.table import Table

    if not calls:
        return []
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in _HEAD:
        table.add_column(name, justify="right" if name in _HEAD[2:6] else "left")
    for each in calls:
        counts = (each.calls, each.tokens_in, each.tokens_out)
        source = "earlier run" if each.measured else "assumption"
        table.add_row(
            each.step, each.model or "first of the server", *(f"{n:,}" for n in counts), money(each.cost), source
        )
    costs = [each.cost for each in calls if each.cost is not None]
    total = (sum(each.calls for each in calls), sum(each.tokens_in + each.tokens_out for each in calls))
    priced = f"cost {money(sum(costs))}" if len(costs) == len(calls) else f"{NO_PRICE} of some models in DJ_LLM_PRICES"
    return [
        "",
        table,
        f"in all {total[0]:,} calls, {total[1]:,} tokens, {priced}; kept answers are not asked for again",
        *_bases(calls, records, earlier),
    ]


def _bases(calls: Sequence[ExpectedCalls], records: ExpectedRecords, earlier: EarlierCalls) -> list[str]:
    about = "" if records.exact else "about "
    lines = [f"for {about}{records.records:,} records"]
    if any(each.measured for each in calls):
        lines.append(f"earlier run: {earlier.name}")
    if not all(each.measured for each in calls):
        bound = "" if earlier.name else "; every record reaches every step, so these are the most calls"
        lines.append(f"{ASSUMPTION}{bound}")
    return lines
