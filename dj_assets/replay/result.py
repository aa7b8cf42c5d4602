"""The result of a replay: counts and hashes of the outcomes, and a table of the samples that are not kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.dataset as ds

from dj_assets.home.identity import FROM_SOURCE
from dj_assets.publish.database import NEVER_CREATED
from dj_assets.publish.parts import kept_digest
from dj_assets.recipe.plan import Plan, Step
from dj_assets.replay.ordered import distinct_sorted
from dj_assets.replay.population import Population, SamplePositions
from dj_assets.replay.replay import KEPT, SampleOutcomes

OUTCOME_SCHEMA = pa.schema(
    [
        ("shard", pa.int32()),
        ("row", pa.int64()),
        ("fate", pa.int16()),
        ("quarantined", pa.bool_()),
        ("kept_shard", pa.int32()),
        ("kept_row", pa.int64()),
        ("against", pa.bool_()),
        ("cluster_size", pa.int32()),
    ]
)
# Number of samples that are hashed at once.
_CHUNK = 1 << 18


@dataclass(frozen=True)
class FileCounts:
    """Hold the number of measured samples of a source file that ended at each step, and hashes of their outcomes.

    Samples that were never created do not count. `created` counts those that each step made from others.
    `against` counts dropped samples whose kept duplicate is in the reference set. `outcome_hash` is the hash of all
    outcomes, `kept_mask` the hash of the mask of kept samples.
    """

    rows: int
    ended: tuple[int, ...]
    quarantined: tuple[int, ...]
    against: tuple[int, ...]
    duplicates: int
    outcome_hash: str
    kept_mask: str
    created: tuple[int, ...] = ()

    @property
    def kept(self) -> int:
        """Return the number of kept samples."""
        return self.rows - sum(self.ended)

    def expanded(self, plan: Plan) -> int:
        """Return the number of samples that others replaced: those that ended at an expander without an error."""
        return self._without_error(plan.expanders)

    def grouped(self, plan: Plan) -> int:
        """Return the number of samples that became members of an aggregate."""
        return self._without_error(plan.groupers)

    def _without_error(self, steps: Sequence[Step]) -> int:
        """Return the number of samples that ended at some steps without an error."""
        return sum(self.ended[step.index] - self.quarantined[step.index] for step in steps)

    @classmethod
    def of(
        cls,
        steps: int,
        outcome: np.ndarray,
        quarantined: np.ndarray,
        *,
        duplicates: np.ndarray,
        against: np.ndarray,
        created_at: np.ndarray | None = None,
    ) -> FileCounts:
        """Count the outcomes of a file's samples; `duplicates` are indices of samples, `against` a mask over these.

        `created_at` is the step that made each sample, None for a plan that makes no samples.
        """

        def by_step(step: np.ndarray) -> tuple[int, ...]:
            return tuple(np.bincount(step, minlength=steps).tolist())

        existing = outcome != NEVER_CREATED
        made = () if created_at is None else by_step(created_at[existing & (created_at != FROM_SOURCE)])
        return cls(
            rows=int(np.count_nonzero(existing)),
            ended=by_step(outcome[existing & (outcome != KEPT)]),
            quarantined=by_step(outcome[quarantined]),
            against=by_step(outcome[duplicates[against]]),
            created=made,
            duplicates=len(duplicates),
            outcome_hash=hashlib.sha256(outcome.tobytes() + np.packbits(quarantined).tobytes()).hexdigest(),
            kept_mask=kept_digest(outcome == KEPT),
        )


@dataclass(frozen=True)
class ReplayResult:
    """Hold the result of a replay over all files, on one machine or in pieces.

    `version` is the data version of the duplicates, `clusters` the number of kept duplicates, `near_pairs` the number
    of near pairs of signatures. `outcome_table` has the columns of `OUTCOME_SCHEMA`, and a row for every measured
    sample that is not kept, in (shard, row) order.
    """

    file_counts: Sequence[FileCounts]
    version: str
    clusters: int
    near_pairs: int
    short_texts: dict[str, int]
    outcome_table: ds.Dataset


def replay_result(steps: int, population: Population, outcomes: SampleOutcomes, near_pairs: int) -> ReplayResult:
    """Return the result of a replay on this machine."""
    kept_duplicates = outcomes.duplicates.kept_duplicate
    version = DuplicatesVersion(len(population))
    for against in (False, True):
        chosen = (kept_duplicates < outcomes.references) == against
        version.add(
            outcomes.duplicates.sample[chosen], kept_duplicates[chosen] - (0 if against else outcomes.references)
        )
        version.end()
    return ReplayResult(
        file_counts=_file_counts(steps, population, outcomes),
        version=version.digest(),
        clusters=len(distinct_sorted(kept_duplicates.copy())),
        near_pairs=near_pairs,
        short_texts=outcomes.short_texts,
        outcome_table=ds.dataset(outcome_table(population, outcomes)),
    )


def _file_counts(steps: int, population: Population, outcomes: SampleOutcomes) -> list[FileCounts]:
    counts = []
    duplicates = outcomes.duplicates
    for here in population.positions.slices():
        part = slice(*np.searchsorted(duplicates.sample, [here.start, here.stop]))
        indices, against = duplicates.sample[part] - here.start, duplicates.kept_duplicate[part] < outcomes.references
        created_at = population.children.created_at[here] if population.children else None
        outcome, quarantined = outcomes.outcome[here], outcomes.quarantined[here]
        counts.append(
            FileCounts.of(steps, outcome, quarantined, duplicates=indices, against=against, created_at=created_at)
        )
    return counts


class DuplicatesVersion:
    """Compute the data version of the duplicates, from the number of every sample's kept duplicate, -1 if it has none.

    The version is the digest of `[samples, kept duplicates, kept duplicates in the reference set]`. Each list is given
    by the hexadecimal digits of its bytes, and is left out if it is empty. The lists are never held in memory.
    """

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self._hash = hashlib.sha256(f"[{samples}".encode())
        self._hashed = 0
        self._begun = False

    def add(self, sample: np.ndarray, kept: np.ndarray) -> None:
        """Add samples with their kept duplicates; over all calls, samples are in ascending order."""
        for start in range(self._hashed, int(sample[-1]) + 1 if len(sample) else 0, _CHUNK):
            self._up_to(min(start + _CHUNK, int(sample[-1]) + 1), sample, kept)

    def _up_to(self, stop: int, sample: np.ndarray, kept: np.ndarray) -> None:
        if not self._begun:
            self._hash.update(b',"')
            self._begun = True
        start, self._hashed = self._hashed, stop
        numbers = np.full(stop - start, -1, np.int64)
        part = slice(*np.searchsorted(sample, [start, stop]))
        numbers[sample[part] - start] = kept[part]
        self._hash.update(numbers.tobytes().hex().encode())

    def end(self) -> None:
        """End a list of kept duplicates; the list of the reference set follows the other one."""
        if self._begun:
            none = np.empty(0, np.int64)
            for start in range(self._hashed, self._samples, _CHUNK):
                self._up_to(min(start + _CHUNK, self._samples), none, none)
            self._hash.update(b'"')
        self._hashed, self._begun = 0, False

    def digest(self) -> str:
        """Return the version, equal to the one of `recipe.plan.digest`."""
        self._hash.update(b"]")
        return self._hash.hexdigest()[:16]


def outcome_table(population: Population, outcomes: SampleOutcomes) -> pa.Table:
    """Return one row for every measured sample that is not kept, for `build_database`."""
    ended = np.flatnonzero(outcomes.outcome != KEPT)
    duplicates = outcomes.duplicates
    against = duplicates.kept_duplicate < outcomes.references
    numbers = duplicates.kept_duplicate[~against] - outcomes.references
    kept_positions = {}
    for name, lookup in (("kept_shard", SamplePositions.file_number), ("kept_row", SamplePositions.row)):
        kept_positions[name] = np.empty(len(duplicates), np.int64)
        kept_positions[name][against] = lookup(population.reference, duplicates.kept_duplicate[against])
        kept_positions[name][~against] = lookup(population.positions, numbers)
    columns = {
        "shard": population.positions.file_number(ended),
        "row": population.positions.row(ended),
        "fate": outcomes.outcome[ended],
        "quarantined": outcomes.quarantined[ended],
    }
    return outcome_rows(columns, np.searchsorted(ended, duplicates.sample), kept_positions, against, duplicates.size)


def outcome_rows(
    columns: dict[str, np.ndarray],
    duplicates: np.ndarray,
    kept_positions: dict[str, np.ndarray],
    against: np.ndarray,
    sizes: np.ndarray,
) -> pa.Table:
    """Return the table of samples that ended; `duplicates` holds the row indices of the last three arguments."""
    rows = len(columns["row"])
    alone = np.ones(rows, bool)
    alone[duplicates] = False
    for name, values in kept_positions.items():
        columns[name] = _placed(rows, duplicates, values, values.dtype)
    columns["against"] = _placed(rows, duplicates, against, np.bool_)
    columns["cluster_size"] = _placed(rows, duplicates, sizes, np.int32)
    arrays = [pa.array(columns[name], mask=alone if name in kept_positions else None) for name in OUTCOME_SCHEMA.names]
    return pa.Table.from_arrays(
        [array.cast(kind) for array, kind in zip(arrays, OUTCOME_SCHEMA.types, strict=True)], OUTCOME_SCHEMA.names
    )


def _placed(size: int, indices: np.ndarray, values: np.ndarray, dtype: npt.DTypeLike) -> np.ndarray:
    placed: np.ndarray = np.zeros(size, dtype)
    placed[indices] = values
    return placed
