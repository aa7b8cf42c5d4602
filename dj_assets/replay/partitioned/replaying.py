"""The replay of one file's samples, from one deduplicator to the next, and their outcomes at the end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from dj_assets.home.writing import replace_atomically
from dj_assets.replay.judging import first_events
from dj_assets.replay.ordered import distinct_sorted
from dj_assets.replay.partitioned.exchange import gather, receiver_of, records, scatter, write_array
from dj_assets.replay.partitioned.job import Job, deduplicator, signed
from dj_assets.replay.population import NOT_FAILED, column_of
from dj_assets.replay.replay import KEPT, end
from dj_assets.replay.result import FileCounts, outcome_rows

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
        fresh = np.full(rows, KEPT, np.int16), np.zeros(rows, bool)
        return _State(*fresh, np.empty(0, _DUPLICATE), np.zeros(steps, np.int64))
    state = _State.read(job.sent("state", segment - 1)[file])
    step = job.segments[segment - 1].deduplicator
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
    counts = FileCounts.of(len(job.plan.steps), state.outcome, state.quarantined, indices, against)
    return counts, state.short


def count_kept_duplicates(job: Job, file: int) -> int:
    """Return the number of kept duplicates in a file."""
    kept = [
        np.load(job.sent("kept_duplicates", number)[file])
        for number, now in enumerate(job.segments)
        if now.deduplicator
    ]
    return len(distinct_sorted(np.concatenate([np.empty(0, np.int64), *kept])))
