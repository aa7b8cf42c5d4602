"""The replay of one file's samples, from one deduplicator to the next, and what is told of them at the end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from dj_assets.home.writing import replace_atomically
from dj_assets.replay.fates import ShardTally, fates_table
from dj_assets.replay.judging import first_events
from dj_assets.replay.ordered import distinct_sorted
from dj_assets.replay.partitioned.exchange import gather, receiver_of, records, scatter, write_array
from dj_assets.replay.partitioned.job import Job, deduplicator, signed
from dj_assets.replay.population import NOT_FAILED, column_of
from dj_assets.replay.replay import KEPT, end

_TWIN = np.dtype([("sample", np.int64), ("keeper", np.int64), ("size", np.int32), ("kept_row", np.int64)])


@dataclass
class _State:
    """The samples of a file between two segments; `short` counts, for each step, duplicates too short for a shingle."""

    fate: np.ndarray
    quarantined: np.ndarray
    twins: np.ndarray
    short: np.ndarray

    def write(self, path: Path) -> None:
        with replace_atomically(path) as temporary, temporary.open("wb") as file:
            np.savez(file, fate=self.fate, quarantined=self.quarantined, twins=self.twins, short=self.short)

    @classmethod
    def read(cls, path: Path) -> _State:
        with np.load(path) as stored:
            return cls(stored["fate"], stored["quarantined"], stored["twins"], stored["short"])


def advance(job: Job, file: int, segment: int) -> None:
    """Let the samples of a file meet the steps of a segment, and send the signatures of those that are alive then."""
    now = job.segments[segment]
    alive = None
    if file in job.own:
        state = _before(job, file, segment)
        failed_at = column_of([job.signatures[file]], "failed_at").filled(NOT_FAILED)
        (event,) = first_events([now], [job.stats[file - job.own.start]], failed_at, threads=1)
        end(state.fate, state.quarantined, event, failed_at)
        state.write(job.sent("state", segment)[file])
        alive = state.fate == KEPT
    if now.deduplicator is None:
        return
    values, places = signed(job.signatures[file], now.deduplicator.signature)
    if alive is not None:
        values, places = values[alive[places]], places[alive[places]]
    sent = records(value=values, sample=places + job.starts[file])
    scatter(job.sent("signed", segment)[file], sent, receiver_of(values, job.parts), job.parts)


def _before(job: Job, file: int, segment: int) -> _State:
    """Return the samples of a file as a segment finds them: without the duplicates of the one before."""
    if not segment:
        rows = pq.read_metadata(job.signatures[file]).num_rows
        steps = len(job.plan.steps)
        fresh = np.full(rows, KEPT, np.int16), np.zeros(rows, bool)
        return _State(*fresh, np.empty(0, _TWIN), np.zeros(steps, np.int64))
    state = _State.read(job.sent("state", segment - 1)[file])
    step = job.segments[segment - 1].deduplicator
    if step is None:
        return state
    twins = gather(job.sent("twins", segment - 1), file)
    places = twins["sample"] - job.starts[file]
    state.fate[places] = step.index
    state.twins = np.concatenate((state.twins, twins))
    keys = deduplicator(step).short_text_keys
    if keys:
        values, holders = signed(job.signatures[file], step.signature)
        short = np.unique(holders[np.isin(values, np.array(keys, values.dtype))])
        state.short[step.index] = len(np.intersect1d(short, places))
    return state


def finish(job: Job, file: int, table: Path, told: Path) -> tuple[ShardTally, np.ndarray]:
    """Write the fates of a file's samples, and which twins its duplicates have; return what is counted of them."""
    state = _before(job, file, len(job.segments))
    twins = state.twins[np.argsort(state.twins["sample"])]
    places, against = twins["sample"] - job.starts[file], twins["keeper"] < job.references
    ended = np.flatnonzero(state.fate != KEPT)
    stats = pq.read_table(job.stats[file - job.own.start], columns=["shard", "row"])
    columns = {name: stats[name].to_numpy()[ended] for name in ("shard", "row")}
    columns |= {"fate": state.fate[ended], "quarantined": state.quarantined[ended]}
    kept = {"kept_shard": np.array(job.numbers)[job.file_of(twins["keeper"])], "kept_row": twins["kept_row"]}
    rows = fates_table(columns, np.searchsorted(ended, places), kept, against, twins["size"])
    with replace_atomically(table) as temporary:
        pq.write_table(rows, temporary, compression="zstd")
    write_array(told, records(sample=twins["sample"], keeper=twins["keeper"]))
    tally = ShardTally.of(len(job.plan.steps), state.fate, state.quarantined, places, against)
    return tally, state.short


def count_keepers(job: Job, file: int) -> int:
    """Return how many samples of a file are kept twins."""
    found = [np.load(job.sent("keepers", number)[file]) for number, now in enumerate(job.segments) if now.deduplicator]
    return len(distinct_sorted(np.concatenate([np.empty(0, np.int64), *found])))
