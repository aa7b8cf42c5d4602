"""Find the step that ends a sample if duplicates are ignored: SQL conditions over statistics, and failures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq

from dj_assets.operators.base import Deduplicator, Expander, Filter, Grouper, Selector
from dj_assets.operators.sql import Parameter
from dj_assets.recipe.plan import Plan, Step

# Value for "no step".
NEVER = np.iinfo(np.int16).max
# Number of samples that one query judges, at least.
_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Segment:
    """Hold steps up to and including one that is more than a condition on the sample itself.

    Such a step is a deduplicator, a selector, an expander or a grouper. Inside a segment, the first event of a sample
    decides. `last` is that step, None at the end of the recipe.
    """

    steps: tuple[Step, ...]
    last: Step | None

    @property
    def deduplicator(self) -> Step | None:
        """Return the last step if it is a deduplicator."""
        return self.last if self.last and isinstance(self.last.operator, Deduplicator) else None

    @property
    def selector(self) -> Step | None:
        """Return the last step if it is a selector."""
        return self.last if self.last and isinstance(self.last.operator, Selector) else None

    @property
    def expander(self) -> Step | None:
        """Return the last step if it is an expander."""
        return self.last if self.last and isinstance(self.last.operator, Expander) else None

    @property
    def grouper(self) -> Step | None:
        """Return the last step if it is a grouper."""
        return self.last if self.last and isinstance(self.last.operator, Grouper) else None


def segments_of(plan: Plan) -> list[Segment]:
    """Return the segments of a plan, in its order."""
    segments, steps = [], []
    for step in plan.steps:
        steps.append(step)
        if isinstance(step.operator, Deduplicator | Selector | Expander | Grouper):
            segments.append(Segment(tuple(steps), step))
            steps = []
    if steps:
        segments.append(Segment(tuple(steps), None))
    return segments


def first_events(
    segments: Sequence[Segment], stats: Sequence[Path], failed_at: np.ndarray, threads: int
) -> list[np.ndarray]:
    """Return, for each segment, the first step that would end each sample of the files (`NEVER` if none)."""
    events = [np.full(len(failed_at), NEVER, np.int16) for _ in segments]
    start = 0
    for judged in _judged(segments, stats, threads):
        rows = len(judged[0])
        for event, first in zip(events, judged, strict=True):
            event[start : start + rows] = first
        start += rows
    for segment, event in zip(segments, events, strict=True):
        indices = [step.index for step in segment.steps]
        here = (failed_at >= min(indices)) & (failed_at <= max(indices))
        np.minimum(event, failed_at, out=event, where=here)
    return events


def _judged(segments: Sequence[Segment], stats: Sequence[Path], threads: int) -> Iterator[list[np.ndarray]]:
    """Yield the first condition of each segment that fails, batch by batch, from one DuckDB pass over the statistics.

    Nothing is yielded if there are no conditions.
    """
    cases: list[str] = []
    parameters: list[Parameter] = []
    for number, segment in enumerate(segments):
        tests = [
            (step, step.operator.condition.keep(step.columns))
            for step in segment.steps
            if isinstance(step.operator, Filter)
        ]
        whens = " ".join(f"WHEN NOT {test.text} THEN {step.index}" for step, test in tests)
        case = f"CASE {whens} ELSE {NEVER} END" if whens else f"{NEVER}"
        cases.append(f"({case})::SMALLINT AS segment_{number}")
        parameters += [parameter for _, test in tests for parameter in test.parameters]
    if not any(isinstance(step.operator, Filter) for segment in segments for step in segment.steps):
        return
    query = f"SELECT row, {', '.join(cases)} FROM read_parquet(?)"  # noqa: S608 - conditions bind their values
    # from the bounds of a column in a single Parquet file, DuckDB 2.0 concludes that no value is NaN
    config: dict[str, str | bool | int | float | list[str]] = {"disabled_optimizers": "statistics_propagation"}
    with duckdb.connect(config={"threads": threads, **config}) as connection:
        for files in _batches(stats):
            # in the query the files follow the select list, so they are the last parameter
            columns = connection.execute(query, [*parameters, [str(path) for path in files]]).fetchnumpy()
            rows = np.concatenate([pq.read_table(path, columns=["row"])["row"].to_numpy() for path in files])
            assert np.array_equal(np.asarray(columns["row"]), rows), "DuckDB keeps the order of rows"  # noqa: S101
            yield [np.asarray(columns[f"segment_{number}"]) for number in range(len(segments))]


def _batches(stats: Sequence[Path]) -> Iterator[list[Path]]:
    batch: list[Path] = []
    rows = 0
    for path in stats:
        batch.append(path)
        rows += pq.read_metadata(path).num_rows
        if rows >= _AT_ONCE:
            yield batch
            batch, rows = [], 0
    if batch:
        yield batch
