"""The input of every piece of a partitioned decision: the plan, the measured files, the numbers of samples."""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dj_assets.home.writing import replace_atomically
from dj_assets.operators.base import Deduplicator
from dj_assets.recipe.custom_operators import import_operators
from dj_assets.recipe.plan import Plan, Step
from dj_assets.replay.judging import Segment, segments_of


@dataclass(frozen=True)
class Job:
    """Hold the input of a decision over files: those of the reference set, then those of the subset, in file order.

    Samples are numbered over all files in this order. `starts` holds the number of the first sample of each file, and
    at the end the number of all samples; `numbers` are the numbers of the files. Signatures are split into n `parts`;
    intermediate files are in `folder`.
    """

    pickled: bytes
    custom_operators: tuple[Path, ...]
    signatures: tuple[Path, ...]
    stats: tuple[Path, ...]
    numbers: tuple[int, ...]
    starts: tuple[int, ...]
    references: int
    parts: int
    folder: Path
    name: str = field(default_factory=lambda: f"job-{uuid.uuid4().hex}")

    def write(self) -> None:
        """Write the job to the folder of the intermediate files: a pickled job is only the path of this file."""
        with replace_atomically(self.folder / self.name) as temporary:
            temporary.write_bytes(pickle.dumps({entry.name: getattr(self, entry.name) for entry in fields(self)}))

    def __reduce__(self) -> tuple[Callable[[Path], Job], tuple[Path]]:
        return job_at, (self.folder / self.name,)

    @cached_property
    def plan(self) -> Plan:
        """Return the plan, after the user's operators are imported."""
        import_operators(self.custom_operators)
        plan: Plan = pickle.loads(self.pickled)  # noqa: S301 - written by our own driver
        return plan

    @cached_property
    def segments(self) -> list[Segment]:
        """Return the segments of the plan."""
        return segments_of(self.plan)

    @property
    def own(self) -> range:
        """Return the indices of the subset's files among all files."""
        return range(len(self.signatures) - len(self.stats), len(self.signatures))

    def sent(self, what: str, segment: int) -> list[Path]:
        """Return the paths of the records that every file sends in a segment."""
        return [self.folder / f"{what}-{segment}" / str(file) for file in range(len(self.signatures))]

    def in_parts(self, what: str, segment: int) -> list[Path]:
        """Return the paths of the records that every part sends in a segment."""
        return [self.folder / f"{what}-{segment}" / str(part) for part in range(self.parts)]

    def file_of(self, samples: np.ndarray) -> np.ndarray:
        """Return the index of the file of each sample, given the samples' numbers."""
        return np.searchsorted(np.array(self.starts), samples, "right") - 1


@lru_cache(maxsize=1)
def job_at(path: Path) -> Job:
    """Return the job that was written to `path`."""
    return Job(**pickle.loads(path.read_bytes()))  # noqa: S301 - written by our own driver


def deduplicator(step: Step) -> Deduplicator:
    """Return the deduplicator of a step.

    Raises
    ------
    TypeError
    If the operator of the step is not a deduplicator.
    """
    if not isinstance(step.operator, Deduplicator):
        raise TypeError(f"{step.label} does not sign samples")
    return step.operator


def signed(path: Path, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the signatures or keys of a file, and for each the index of its sample in the file."""
    values, samples, first = [], [], 0
    kind = pq.read_schema(path).field(column).type
    for chunk in pq.read_table(path, columns=[column])[column].chunks:
        if pa.types.is_list(kind):
            values.append(chunk.flatten().to_numpy())
            samples.append(first + chunk.value_parent_indices().to_numpy())
        else:
            values.append(_as_numpy(chunk.drop_null()))
            samples.append(first + np.flatnonzero(chunk.is_valid().to_numpy(zero_copy_only=False)))
        first += len(chunk)
    return np.concatenate([_as_numpy(pa.array([], kind)), *values]), np.concatenate([np.empty(0, np.int64), *samples])


def _as_numpy(array: pa.Array) -> np.ndarray:
    if pa.types.is_list(array.type):
        array = array.flatten()
    if not pa.types.is_fixed_size_binary(array.type):
        return np.asarray(array.to_numpy())
    width = array.type.byte_width
    data = array.buffers()[1]
    if data is None:
        return np.empty(0, f"S{width}")
    return np.frombuffer(data, f"S{width}", len(array), array.offset * width)


def keys_a_sample(files: Sequence[Path], column: str) -> int:
    """Return the average number of values per sample in a column, rounded up, from the first file with rows."""
    for path in files:
        metadata = pq.read_metadata(path)
        if metadata.num_rows:
            index = [metadata.schema.column(i).path.split(".")[0] for i in range(metadata.num_columns)].index(column)
            groups = (metadata.row_group(group).column(index).num_values for group in range(metadata.num_row_groups))
            return -(-int(sum(groups)) // int(metadata.num_rows))
    return 1
