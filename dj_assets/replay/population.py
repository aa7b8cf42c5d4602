"""The measured samples of all files in the memory of the replay: a few bytes per sample."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dj_assets.home.identity import CREATED_AT, FROM_SOURCE, PARENT_DISTANCE
from dj_assets.operators.base import Deduplicator
from dj_assets.recipe.plan import Plan, Step

NOT_FAILED = -1


@dataclass(frozen=True)
class SamplePositions:
    """Hold the positions of samples: the numbers of the files, and the rows of each file's samples in order.

    `starts` holds the number of the first sample of each file, and at the end the number of all samples. Rows without a
    gap are a `range`.
    """

    numbers: np.ndarray
    starts: np.ndarray
    rows: Sequence[range | np.ndarray]

    @classmethod
    def of(cls, stats: Sequence[Path]) -> SamplePositions:
        """Read the positions of the samples of the files, in order."""
        numbers, rows = [], []
        for path in stats:
            table = pq.read_table(path, columns=["shard", "row"])
            numbers.append(table["shard"][0].as_py() if table.num_rows else 0)
            rows.append(_as_range(table["row"].to_numpy()))
        starts = np.cumsum([0, *map(len, rows)])
        return cls(np.array(numbers, np.int32), starts, rows)

    def __len__(self) -> int:
        return int(self.starts[-1])

    def file_number(self, samples: np.ndarray) -> np.ndarray:
        """Return the file numbers of samples, given the numbers of the samples."""
        numbers: np.ndarray = self.numbers[self._file(samples)]
        return numbers

    def row(self, samples: np.ndarray) -> np.ndarray:
        """Return the rows of samples, given their numbers."""
        files = self._file(samples)
        row: np.ndarray = samples - self.starts[files]
        for file in np.unique(files):
            of_file, rows = files == file, self.rows[file]
            row[of_file] = row[of_file] + rows.start if isinstance(rows, range) else rows[row[of_file]]
        return row

    def slices(self) -> Iterator[slice]:
        """Yield the sample numbers of every file as a slice."""
        for first, end in zip(self.starts[:-1], self.starts[1:], strict=True):
            yield slice(int(first), int(end))

    def _file(self, samples: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.starts, samples, "right") - 1


@dataclass(frozen=True)
class Children:
    """Hold which samples were made from others: for each sample its step (`FROM_SOURCE` for records), and its parent.

    `parent` is the index of the parent among the samples, which comes before its children. Records and aggregates,
    which have no single parent, are their own.
    """

    created_at: np.ndarray
    parent: np.ndarray

    @classmethod
    def read(cls, stats: Sequence[Path], signatures: Sequence[Path]) -> Children:
        """Read the children of files, given in order."""
        distance = column_of(signatures, PARENT_DISTANCE).filled(0).astype(np.int64)
        return cls(column_of(stats, CREATED_AT).filled(FROM_SOURCE), np.arange(len(distance)) - distance)


@dataclass(frozen=True)
class Population:
    """Hold all measured samples in (shard, row) order, as arrays of equal length.

    `failed_at` is the step at which a sample failed, -1 if none. `signatures` holds the signatures with one value per
    sample, keyed by name, as integers: distinct byte strings are numbered. The samples of the reference set come first;
    `reference` holds their positions. `children` is None for a plan that makes no samples.
    """

    stats_files: tuple[Path, ...]
    positions: SamplePositions
    failed_at: np.ndarray
    signatures: Mapping[str, np.ma.MaskedArray]
    reference: SamplePositions
    children: Children | None = None

    def __len__(self) -> int:
        return len(self.positions)


def load_population(
    plan: Plan,
    stats: Sequence[Path],
    signatures: Sequence[Path],
    reference_stats: Sequence[Path] = (),
    reference_signatures: Sequence[Path] = (),
) -> Population:
    """Read the replay's columns of all files, given in file order: 2 bytes per sample, and 8 for each signature."""
    names = [step.signature for step in plan.deduplicators if not has_keys(step)]
    failed_at = column_of(signatures, "failed_at").filled(NOT_FAILED)
    values = {name: column_of([*reference_signatures, *signatures], name) for name in names}
    children = Children.read(stats, signatures) if plan.makes_samples else None
    reference = SamplePositions.of(reference_stats)
    return Population(tuple(stats), SamplePositions.of(stats), failed_at, values, reference, children)


def has_keys(step: Step) -> bool:
    """Return whether a step signs each sample with a list of keys."""
    return isinstance(step.operator, Deduplicator) and pa.types.is_list(step.operator.signature_type)


def column_of(files: Sequence[Path], name: str) -> np.ma.MaskedArray:
    """Read one column of many Parquet files; the result has a mask only if a value is null."""
    if files and pa.types.is_fixed_size_binary(pq.read_schema(files[0]).field(name).type):
        whole = pa.chunked_array([chunk for path in files for chunk in _read(path, name).chunks])
        numbers = whole.dictionary_encode().combine_chunks().indices
        return _joined([pa.chunked_array([numbers])], len(whole))
    return _joined((_read(path, name) for path in files), sum(pq.read_metadata(path).num_rows for path in files))


def _read(path: Path, name: str) -> pa.ChunkedArray:
    return pq.read_table(path, columns=[name]).column(0)


def _joined(columns: Iterable[pa.ChunkedArray], size: int) -> np.ma.MaskedArray:
    data: np.ndarray = np.empty(0, np.int64)
    mask: np.ndarray | None = None
    filled = 0
    for column in columns:
        values = column.fill_null(0).to_numpy() if column.null_count else column.to_numpy()
        if not filled:
            data = np.empty(size, values.dtype)
        data[filled : filled + len(values)] = values
        if column.null_count:
            mask = np.zeros(size, bool) if mask is None else mask
            mask[filled : filled + len(values)] = column.is_null().to_numpy()
        filled += len(values)
    return np.ma.masked_array(data, mask=np.ma.nomask if mask is None else mask)


def _as_range(rows: np.ndarray) -> range | np.ndarray:
    if not len(rows):
        return range(0)
    first, last = int(rows[0]), int(rows[-1])
    return range(first, last + 1) if last - first + 1 == len(rows) else rows.copy()
