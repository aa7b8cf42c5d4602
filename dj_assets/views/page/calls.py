"""Show the calls of language models: what each step asked, what all calls cost, examples of prompts and answers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from dj_assets.analysis.model_calls import CallExample, call_examples, kept_calls, step_calls
from dj_assets.models.text.prices import price_table
from dj_assets.publish.database import reading
from dj_assets.views.call_table import KEPT_HEAD, STEP_HEAD, kept_rows, step_rows
from dj_assets.views.page.html import Html, joined, quoted_text, table, tag
from dj_assets.views.page.report_input import ReportInput, Section

_EXAMPLES, _SHOWN = 3, 600


def model_calls(report_input: ReportInput) -> Section | None:
    """Return the calls of every step, their tokens, price and failures; None if no step calls a model."""
    if not report_input.plan.asks_models:
        return None
    prices = price_table()
    with reading(report_input.database) as connection:
        kept, examples = kept_calls(connection, prices), call_examples(connection, _EXAMPLES)
    if not kept:
        return None
    steps = step_calls(report_input.manifest.calls, prices)
    calls, failed = sum(each.calls for each in kept), sum(each.failed for each in kept)
    priced = "" if prices else " For their cost, name a table of prices in DJ_LLM_PRICES."
    about = (
        f"{calls:,} calls are kept, {failed:,} of them failed. The first table has the calls of each step when its "
        f"samples were measured; cached ones were answered before.{priced}"
    )
    body = [
        table(STEP_HEAD, _quoted(step_rows(steps)), numbers_from=2) if steps else "",
        tag("p", "All kept calls, also those of earlier recipes:", class_="about"),
        table(KEPT_HEAD, _quoted(kept_rows(kept)), numbers_from=2),
        *(_operator(name, list(some)) for name, some in groupby(examples, lambda example: example.operator)),
    ]
    return Section("calls", "Language models", about, joined(body))


def _quoted(rows: Sequence[tuple[str, ...]]) -> list[list[str]]:
    """Return rows whose first two cells, an operator and a model, are texts of the recipe or of a server."""
    return [[quoted_text(first), quoted_text(second), *others] for first, second, *others in rows]


def _operator(operator: str, examples: Sequence[CallExample]) -> Html:
    rows = [[quoted_text(_short(example.prompt)), _answer(example)] for example in examples]
    return tag("details", tag("summary", operator), table(("prompt", "answer"), rows))


def _answer(example: CallExample) -> Html:
    if example.answer is None:
        return joined([tag("b", "failed: "), quoted_text(_short(example.error or "no answer"))])
    return quoted_text(_short(example.answer))


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
