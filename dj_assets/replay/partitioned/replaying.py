"""The replay of one file's samples, from one deduplicator to the next, and their outcomes at the end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dj_assets.home.writing import replace_atomically
from dj_assets.replay.judging import first_events
from dj_assets.replay.ordered import distinct_sorted
from dj_assets.replay.partitioned.exchange import gather, receiver_of, records, scatter, write_array
from dj_assets.replay.partitioned.job import Job, deduplicator, signed
from dj_assets.replay.population import NOT_FAILED, Children, column_of
from dj_assets.replay.replay import KEPT, end, expand, first_outcomes, group
from dj_assets.replay.result import FileCounts, outcome_rows
from dj_assets.replay.selecting import selector, values_of

_DUPLICATE = np.dtype([("sample", np.int64), ("kept_duplicate", np.int64), ("size", np.int32), ("kept_row", np.int64)])


@dataclass
class _State:
    """Hold the samples of a file between two segments.

    `short` counts, for each step, the duplicates that are too short for a shingle.
    """

    outcome: np.ndarray
    quarantined: np.ndarray
    duplicates: np.ndarray
    short: np.ndarray

    def write(self, path: Path) -> None:
        with replace_atomically(path) as temporary, temporary.open("wb") as file:
            np.savez(
                file, outcome=self.outcome, quarantined=self.quarantined, duplicates=self.duplicates, short=self.short
            )

    @classmethod
    def read(cls, path: Path) -> _State:
        with np.load(path) as stored:
            return cls(stored["outcome"], stored["quarantined"], stored["duplicates"], stored["short"])


def advance(job: Job, file: int, segment: int) -> None:
    """Apply the steps of a segment to the samples of a file, and send the signatures of the samples still alive."""
    now = job.segments[segment]
    alive = None
    if file in job.own:
        state = _before(job, file, segment)
        failed_at = column_of([job.signatures[file]], "failed_at").filled(NOT_FAILED)
        (event,) = first_events([now], [job.stats[file - job.own.start]], failed_at, threads=1)
        end(state.outcome, state.quarantined, event, failed_at)
        children = children_of(job, file)
        if now.expander is not None and children is not None:
            expand(state.outcome, now.expander, children)
        if now.grouper is not None and children is not None:
            group(state.outcome, now.grouper, children)
        if now.selector is not None:
            _offer(job, file, segment, np.flatnonzero(state.outcome == KEPT))
        state.write(job.sent("state", segment)[file])
        alive = state.outcome == KEPT
    if now.deduplicator is None:
        return
    values, indices = signed(job.signatures[file], now.deduplicator.signature)
    if alive is not None:
        values, indices = values[alive[indices]], indices[alive[indices]]
    sent = records(value=values, sample=indices + job.starts[file])
    scatter(job.sent("signed", segment)[file], sent, receiver_of(values, job.parts), job.parts)


def _before(job: Job, file: int, segment: int) -> _State:
    """Return the samples of a file before a segment: without the duplicates of the segment before it."""
    if not segment:
        rows = pq.read_metadata(job.signatures[file]).num_rows
        steps = len(job.plan.steps)
        fresh = first_outcomes(rows, children_of(job, file)), np.zeros(rows, bool)
        return _State(*fresh, np.empty(0, _DUPLICATE), np.zeros(steps, np.int64))
    state = _State.read(job.sent("state", segment - 1)[file])
    before = job.segments[segment - 1]
    if before.selector is not None:
        state.outcome[_refused(job, file, segment - 1)] = before.selector.index
    step = before.deduplicator
    if step is None:
        return state
    duplicates = gather(job.sent("duplicates", segment - 1), file)
    indices = duplicates["sample"] - job.starts[file]
    state.outcome[indices] = step.index
    state.duplicates = np.concatenate((state.duplicates, duplicates))
    keys = deduplicator(step).short_text_keys
    if keys:
        values, holders = signed(job.signatures[file], step.signature)
        short = np.unique(holders[np.isin(values, np.array(keys, values.dtype))])
        state.short[step.index] = len(np.intersect1d(short, indices))
    return state


def children_of(job: Job, file: int) -> Children | None:
    """Return which samples of a file were made from others; None for a plan that makes none."""
    if not job.plan.makes_samples:
        return None
    return Children.read([job.stats[file - job.own.start]], [job.signatures[file]])


def _offer(job: Job, file: int, segment: int, alive: np.ndarray) -> None:
    """Write the samples of a file that a selector chooses from, with the value of each."""
    step = job.segments[segment].last
    assert step is not None  # noqa: S101 - the segment ends with the selector
    path = job.stats[file - job.own.start]
    rows = pq.read_table(path, columns=["shard", "row"]).take(alive)
    samples = pa.table(
        {
            "sample": pa.array(alive + job.starts[file], pa.int64()),
            "shard": rows["shard"],
            "row": rows["row"],
            "value": values_of(step, [path]).take(pa.array(alive)),
        }
    )
    with replace_atomically(job.sent("offered", segment)[file]) as temporary:
        pq.write_table(samples, temporary)


def select(job: Job, segment: int) -> None:
    """Write the samples that a selector refuses, of all files; DuckDB sorts on the disk what does not fit in memory."""
    step = job.segments[segment].last
    assert step is not None  # noqa: S101 - the segment ends with the selector
    offered = [str(job.sent("offered", segment)[file]) for file in job.own]
    number = sum(pq.read_metadata(path).num_rows for path in offered)
    selection = selector(step).selection(number) if number > 1 else None
    with replace_atomically(job.folder / f"refused-{segment}.parquet") as temporary:
        if selection is None:
            pq.write_table(pa.table({"sample": pa.array([], pa.int64())}), temporary)
            return
        with duckdb.connect(config={"temp_directory": str(job.folder / "sorting")}) as connection:
            connection.from_parquet(offered).create_view("samples")
            connection.execute(f"CREATE TEMP TABLE selected AS {selection.text}", list(selection.parameters))
            refused = connection.sql("SELECT sample FROM samples ANTI JOIN selected USING (sample) ORDER BY sample")
            refused.write_parquet(str(temporary))


def _refused(job: Job, file: int, segment: int) -> np.ndarray:
    """Return the indices of the samples of a file that a selector refused."""
    first, end = job.starts[file], job.starts[file + 1]
    within = (pc.field("sample") >= first) & (pc.field("sample") < end)
    refused = pq.read_table(job.folder / f"refused-{segment}.parquet", filters=within)["sample"].to_numpy()
    return np.asarray(refused - first)


def finish(job: Job, file: int, table: Path, hashed: Path) -> tuple[FileCounts, np.ndarray]:
    """Write the outcomes and the kept duplicates of a file's samples; return their counts."""
    state = _before(job, file, len(job.segments))
    duplicates = state.duplicates[np.argsort(state.duplicates["sample"])]
    indices, against = duplicates["sample"] - job.starts[file], duplicates["kept_duplicate"] < job.references
    ended = np.flatnonzero(state.outcome != KEPT)
    stats = pq.read_table(job.stats[file - job.own.start], columns=["shard", "row"])
    columns = {name: stats[name].to_numpy()[ended] for name in ("shard", "row")}
    columns |= {"fate": state.outcome[ended], "quarantined": state.quarantined[ended]}
    kept = {
        "kept_shard": np.array(job.numbers)[job.file_of(duplicates["kept_duplicate"])],
        "kept_row": duplicates["kept_row"],
    }
    rows = outcome_rows(columns, np.searchsorted(ended, indices), kept, against, duplicates["size"])
    with replace_atomically(table) as temporary:
        pq.write_table(rows, temporary, compression="zstd")
    write_array(hashed, records(sample=duplicates["sample"], kept_duplicate=duplicates["kept_duplicate"]))
    children = children_of(job, file)
    counts = FileCounts.of(
        len(job.plan.steps),
        state.outcome,
        state.quarantined,
        duplicates=indices,
        against=against,
        created_at=None if children is None else children.created_at,
    )
    return counts, state.short


def count_kept_duplicates(job: Job, file: int) -> int:
    """Return the number of kept duplicates in a file."""
    kept = [
        np.load(job.sent("kept_duplicates", number)[file])
        for number, now in enumerate(job.segments)
        if now.deduplicator
    ]
    return len(distinct_sorted(np.concatenate([np.empty(0, np.int64), *kept])))
