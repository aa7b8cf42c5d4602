"""Sum up what the calls of language models of a run cost, and choose examples of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from dj_assets.models.text.counting import CallCounts
from dj_assets.models.text.prices import Prices, cost_of
from dj_assets.publish.calls import TABLE


@dataclass(frozen=True)
class StepCalls:
    """The calls of one step when its samples were measured, and the price of those that were asked then."""

    step: str
    counts: CallCounts
    cost: float | None


@dataclass(frozen=True)
class KeptCalls:
    """All kept calls of one operator to one model, also those of earlier recipes. `cost` is None without a price."""

    operator: str
    model: str
    calls: int
    failed: int
    tokens_in: int
    tokens_out: int
    seconds: float
    cost: float | None


@dataclass(frozen=True)
class CallExample:
    """One call: its answer, or the error of a failed call."""

    operator: str
    prompt: str
    answer: str | None
    error: str | None


def step_calls(calls: Mapping[str, CallCounts], prices: Prices) -> list[StepCalls]:
    """Return the calls of every step with their price, in recipe order."""
    return [
        StepCalls(step, counts, cost_of(counts.model, counts.tokens_in, counts.tokens_out, prices))
        for step, counts in calls.items()
    ]


def kept_calls(connection: duckdb.DuckDBPyConnection, prices: Prices) -> list[KeptCalls]:
    """Return the sums over the table `generations`, sorted by operator and model."""
    if not has_calls(connection):
        return []
    query = f"""
        SELECT operator, model, count(*), count(*) FILTER (error IS NOT NULL), coalesce(sum(tokens_in), 0)::BIGINT,
               coalesce(sum(tokens_out), 0)::BIGINT, coalesce(sum(seconds), 0)
        FROM {TABLE} GROUP BY operator, model ORDER BY operator, model
    """  # noqa: S608 - a constant
    return [
        KeptCalls(
            operator,
            model,
            calls,
            failed,
            tokens_in,
            tokens_out,
            seconds,
            cost_of(model, tokens_in, tokens_out, prices),
        )
        for operator, model, calls, failed, tokens_in, tokens_out, seconds in connection.execute(query).fetchall()
    ]


def call_examples(connection: duckdb.DuckDBPyConnection, most: int) -> list[CallExample]:
    """Return up to `most` calls of every operator that were answered, and as many that failed, failed ones first.

    Keys are checksums, so the first ones are a random sample that stays the same.
    """
    if not has_calls(connection):
        return []
    query = f"""
        SELECT operator, prompt, answer, error FROM {TABLE}
        QUALIFY row_number() OVER (PARTITION BY operator, error IS NULL ORDER BY key) <= ?
        ORDER BY operator, error IS NULL, key
    """  # noqa: S608 - a constant
    return [CallExample(*row) for row in connection.execute(query, [most]).fetchall()]


def has_calls(connection: duckdb.DuckDBPyConnection) -> bool:
    """Return whether a database has the table of calls: those of earlier versions lack it."""
    query = "SELECT count(*) FROM duckdb_tables() WHERE table_name = ?"
    return bool((connection.execute(query, [TABLE]).fetchone() or (0,))[0])
