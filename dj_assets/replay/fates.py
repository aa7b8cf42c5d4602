"""What became of the samples of every file: counted, hashed, and as the table of those that are not kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from dj_assets.publish.parts import kept_digest
from dj_assets.replay.ordered import distinct_sorted
from dj_assets.replay.population import Places, Population
from dj_assets.replay.replay import KEPT, Outcome

FATES = pa.schema(
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
# So many samples are hashed at once.
_CHUNK = 1 << 18


@dataclass(frozen=True)
class ShardTally:
    """How many measured samples of a file ended at each step, and hashes of what became of them all.

    `against` are those of the dropped with a twin in the reference set. `told` covers the fates, `kept_mask` who is
    kept.
    """

    rows: int
    ended: tuple[int, ...]
    quarantined: tuple[int, ...]
    against: tuple[int, ...]
    duplicates: int
    told: str
    kept_mask: str

    @property
    def kept(self) -> int:
        """How many are kept."""
        return self.rows - sum(self.ended)

    @classmethod
    def of(
        cls, steps: int, fate: np.ndarray, quarantined: np.ndarray, duplicates: np.ndarray, against: np.ndarray
    ) -> ShardTally:
        """Count the fates of a file's samples; `duplicates` are places of some, `against` a mask of these."""

        def by_step(chosen: np.ndarray) -> tuple[int, ...]:
            return tuple(np.bincount(fate[chosen], minlength=steps).tolist())

        return cls(
            rows=len(fate),
            ended=by_step(fate != KEPT),
            quarantined=by_step(quarantined),
            against=by_step(duplicates[against]),
            duplicates=len(duplicates),
            told=hashlib.sha256(fate.tobytes() + np.packbits(quarantined).tobytes()).hexdigest(),
            kept_mask=kept_digest(fate == KEPT),
        )


@dataclass(frozen=True)
class Replayed:
    """What a replay over all files found out, whoever replayed.

    `version` is the data version of the duplicates, `clusters` counts kept twins, `near_pairs` pairs of signatures.
    `fates` has the columns of `FATES`, a row for every measured sample that is not kept, in (shard, row) order.
    """

    tallies: Sequence[ShardTally]
    version: str
    clusters: int
    near_pairs: int
    short_texts: dict[str, int]
    fates: ds.Dataset


def replayed(steps: int, population: Population, outcome: Outcome, near_pairs: int) -> Replayed:
    """Sum up a replay on this machine."""
    keepers = outcome.duplicates.keeper
    version = DuplicatesVersion(len(population))
    for against in (False, True):
        chosen = (keepers < outcome.references) == against
        version.add(outcome.duplicates.sample[chosen], keepers[chosen] - (0 if against else outcome.references))
        version.end()
    return Replayed(
        tallies=_tallies(steps, population, outcome),
        version=version.digest(),
        clusters=len(distinct_sorted(keepers.copy())),
        near_pairs=near_pairs,
        short_texts=outcome.short_texts,
        fates=ds.dataset(fates(population, outcome)),
    )


def _tallies(steps: int, population: Population, outcome: Outcome) -> list[ShardTally]:
    tallies = []
    duplicates = outcome.duplicates
    for here in population.places.slices():
        own = slice(*np.searchsorted(duplicates.sample, [here.start, here.stop]))
        places, against = duplicates.sample[own] - here.start, duplicates.keeper[own] < outcome.references
        tallies.append(ShardTally.of(steps, outcome.fate[here], outcome.quarantined[here], places, against))
    return tallies


class DuplicatesVersion:
    """The data version of the duplicates, from the numbers of the kept twins of all samples, -1 where there is none.

    It is the digest of `[samples, twins, twins in the reference set]`, each list of twins as the hexadecimal digits of
    its bytes, left out where there are none; made without holding them.
    """

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self._hash = hashlib.sha256(f"[{samples}".encode())
        self._told = 0
        self._begun = False

    def add(self, sample: np.ndarray, twin: np.ndarray) -> None:
        """Take samples with their twins; samples come in order, over several calls."""
        for start in range(self._told, int(sample[-1]) + 1 if len(sample) else 0, _CHUNK):
            self._up_to(min(start + _CHUNK, int(sample[-1]) + 1), sample, twin)

    def _up_to(self, stop: int, sample: np.ndarray, twin: np.ndarray) -> None:
        if not self._begun:
            self._hash.update(b',"')
            self._begun = True
        start, self._told = self._told, stop
        twins = np.full(stop - start, -1, np.int64)
        own = slice(*np.searchsorted(sample, [start, stop]))
        twins[sample[own] - start] = twin[own]
        self._hash.update(twins.tobytes().hex().encode())

    def end(self) -> None:
        """End a list of twins; those of the reference set come behind the own."""
        if self._begun:
            none = np.empty(0, np.int64)
            for start in range(self._told, self._samples, _CHUNK):
                self._up_to(min(start + _CHUNK, self._samples), none, none)
            self._hash.update(b'"')
        self._told, self._begun = 0, False

    def digest(self) -> str:
        """Return the version, as `recipe.plan.digest` would."""
        self._hash.update(b"]")
        return self._hash.hexdigest()[:16]


def fates(population: Population, outcome: Outcome) -> pa.Table:
    """Return one row for every measured sample that is not kept, for `build_database`."""
    ended = np.flatnonzero(outcome.fate != KEPT)
    duplicates = outcome.duplicates
    against = duplicates.keeper < outcome.references
    own = duplicates.keeper[~against] - outcome.references
    twins = {}
    for name, place in (("kept_shard", Places.file_number), ("kept_row", Places.row)):
        twins[name] = np.empty(len(duplicates), np.int64)
        twins[name][against] = place(population.reference, duplicates.keeper[against])
        twins[name][~against] = place(population.places, own)
    columns = {
        "shard": population.places.file_number(ended),
        "row": population.places.row(ended),
        "fate": outcome.fate[ended],
        "quarantined": outcome.quarantined[ended],
    }
    return fates_table(columns, np.searchsorted(ended, duplicates.sample), twins, against, duplicates.size)


def fates_table(
    columns: dict[str, np.ndarray],
    duplicates: np.ndarray,
    twins: dict[str, np.ndarray],
    against: np.ndarray,
    sizes: np.ndarray,
) -> pa.Table:
    """Return the table of some samples that ended; `duplicates` says which rows the last three are of."""
    rows = len(columns["row"])
    alone = np.ones(rows, bool)
    alone[duplicates] = False
    for name, values in twins.items():
        columns[name] = _placed(rows, duplicates, values, FATES.field(name).type.to_pandas_dtype())
    columns["against"] = _placed(rows, duplicates, against, np.bool_)
    columns["cluster_size"] = _placed(rows, duplicates, sizes, np.int32)
    arrays = [pa.array(columns[name], mask=alone if name in twins else None) for name in FATES.names]
    return pa.Table.from_arrays(
        [array.cast(kind) for array, kind in zip(arrays, FATES.types, strict=True)], FATES.names
    )


def _placed(size: int, places: np.ndarray, values: np.ndarray, dtype: type) -> np.ndarray:
    placed: np.ndarray = np.zeros(size, dtype)
    placed[places] = values
    return placed
