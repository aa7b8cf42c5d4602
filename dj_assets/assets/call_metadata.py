"""The calls of language models of a subset as metadata: sums, tables by step and by model, examples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import duckdb
from dagster import MetadataValue, TableRecord

from dj_assets.analysis.model_calls import CallExample, call_examples, kept_calls, step_calls
from dj_assets.assets.labels import Metadata, short_name
from dj_assets.assets.pictures import literal
from dj_assets.models.text.counting import CallCounts
from dj_assets.models.text.prices import price_table
from dj_assets.publish.calls import Record, add_generations
from dj_assets.views.call_table import KEPT_HEAD, STEP_HEAD, kept_rows, step_rows
from dj_assets.views.markdown import table_markdown

_MOST_ROWS, _EXAMPLES, _EXCERPT, _BYTES = 50, 2, 200, 12_000


def call_metadata(records: Iterable[Record], calls: Mapping[str, CallCounts]) -> Metadata:
    """Return sums, tables and examples of all kept calls; `calls` are those of each step."""
    prices = price_table()
    with duckdb.connect() as connection:
        add_generations(connection, records)
        kept, examples = kept_calls(connection, prices), call_examples(connection, _EXAMPLES)
    costs = [each.cost for each in kept if each.cost is not None]
    by_step = [dict(zip(STEP_HEAD, row, strict=True)) for row in step_rows(step_calls(calls, prices))]
    by_model = [dict(zip(KEPT_HEAD, row, strict=True)) for row in kept_rows(kept)]
    metadata: Metadata = {
        "calls": sum(each.calls for each in kept),
        "failed": sum(each.failed for each in kept),
        "tokens_in": sum(each.tokens_in for each in kept),
        "tokens_out": sum(each.tokens_out for each in kept),
        "seconds": round(sum(each.seconds for each in kept), 2),
        **({"cost": sum(costs)} if costs else {}),
        **({"calls_by_step": MetadataValue.table(_records(by_step))} if by_step else {}),
        **({"calls_by_model": MetadataValue.table(_records(by_model))} if by_model else {}),
    }
    shown = table_markdown([_example(example) for example in examples], _BYTES)
    return {**metadata, "examples": MetadataValue.md(shown)} if shown else metadata


def _records(rows: list[dict[str, str]]) -> list[TableRecord]:
    return [TableRecord(row) for row in rows[:_MOST_ROWS]]


def _example(example: CallExample) -> dict[str, str]:
    answer = example.answer if example.answer is not None else f"failed: {example.error}"
    return {"operator": short_name(example.operator), "prompt": _excerpt(example.prompt), "answer": _excerpt(answer)}


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return literal(line if len(line) <= _EXCERPT else f"{line[:_EXCERPT]}…")
