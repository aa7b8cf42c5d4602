"""Near pairs of distinct signatures: found once for all samples, kept on disk, valid for all thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from dj_assets.errors import UserError
from dj_assets.home.layout import Layout
from dj_assets.home.writing import ParquetFileWriter
from dj_assets.operators import contract
from dj_assets.operators.base import Deduplicator
from dj_assets.operators.kinds.vector_deduplicator import VectorDeduplicator
from dj_assets.recipe.plan import Step, digest
from dj_assets.replay.clusters import NearPairs
from dj_assets.replay.ordered import distinct_sorted
from dj_assets.stores.copies import at_hand

_KEY = b"dj_assets.key"


def find_near_pairs(
    layout: Layout,
    step: Step,
    operator: Deduplicator,
    signature_files: Sequence[Path],
    measured: str,
    *,
    threads: int = 1,
) -> NearPairs:
    """Return the near pairs of a deduplicator, from disk if they were found for the same samples before.

    `measured` identifies the measured files of all files. The pairs are valid for all thresholds: they are pairs of
    signature values, also of values whose samples are dropped.
    """
    key = near_pairs_key(step, operator, measured)
    path = layout.near_pairs(step.signature)
    stored = read_stored(path, key)
    if stored is None:
        stored = searched_pairs(step, operator, signature_files, threads)
        store(path, stored, key)
    a, b = (stored.column(name).to_numpy() for name in ("a", "b"))
    return NearPairs(a, b)


def searched_pairs(step: Step, operator: Deduplicator, files: Sequence[Path], threads: int = 1) -> pa.Table:
    """Return the near pairs of the distinct signatures of files, with the columns of `Deduplicator.near_pairs`."""
    if isinstance(operator, VectorDeduplicator) and step.vector is not None:
        return operator.near_vectors(*_distinct_vectors(files, step.signature, step.vector))
    return contract.near_pairs(operator, distinct_values(files, step.signature), threads)


def _distinct_vectors(files: Sequence[Path], signature: str, vector: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct signatures in order, and the vector of each; memory: two bytes for each of its values."""
    signatures, vectors = [np.empty(0, np.uint64)], []
    for path in files:
        table = pq.read_table(path, columns=[signature, vector]).drop_null().combine_chunks()
        values, first = np.unique(table[signature].to_numpy(), return_index=True)
        signatures.append(values)
        if len(first):
            flat = table[vector].combine_chunks().flatten().to_numpy()
            vectors.append(flat.reshape(table.num_rows, -1)[first])
    distinct, first = np.unique(np.concatenate(signatures), return_index=True)
    if len({part.shape[1] for part in vectors}) > 1:
        raise UserError(f"{signature}: vectors of different lengths are stored; measure all files by the same model")
    return distinct, np.concatenate(vectors)[first] if vectors else np.empty((0, 1), np.int16)


def near_pairs_key(step: Step, operator: Deduplicator, measured: str) -> bytes:
    """Return the key under which the near pairs of a deduplicator are stored."""
    return digest([measured, step.identity, operator.model_dump(mode="json")]).encode()


def distinct_values(files: Sequence[Path], column: str) -> np.ndarray:
    """Return the distinct values of a column in order, without nulls; it takes little more memory than all values."""
    values = np.empty(0, np.uint64)
    filled = 0
    for path in files:
        file_values = pq.read_table(path, columns=[column])[column].drop_null().unique().to_numpy()
        if not filled:
            values = np.empty(sum(pq.read_metadata(file).num_rows for file in files), file_values.dtype)
        values[filled : filled + len(file_values)] = file_values
        filled += len(file_values)
    return distinct_sorted(values[:filled])


def read_stored(path: Path, key: bytes) -> pa.Table | None:
    """Return the table at `path` if it was stored under the same key and is not damaged, else None."""
    if not at_hand(path).exists():
        return None
    try:
        table = pq.read_table(path, page_checksum_verification=True)
    except (pa.ArrowInvalid, OSError):
        return None
    return table if (table.schema.metadata or {}).get(_KEY) == key else None


def is_stored(path: Path, key: bytes) -> bool:
    """Return whether a table is stored at `path` under the same key and is not damaged; read it batch by batch."""
    if not at_hand(path).exists():
        return False
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for _ in file.iter_batches():
                pass
            return (file.schema_arrow.metadata or {}).get(_KEY) == key
    except (pa.ArrowInvalid, OSError):
        return False


def store(path: Path, rows: pa.Table | ds.Dataset | pa.RecordBatchReader, key: bytes) -> None:
    """Store a table under a key, batch by batch; the file appears complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = rows.schema.with_metadata({_KEY: key})
    with ParquetFileWriter(path, schema) as writer:
        for batch in _batches(rows):
            writer.write(batch.replace_schema_metadata({_KEY: key}))


def _batches(rows: pa.Table | ds.Dataset | pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    if isinstance(rows, pa.RecordBatchReader):
        yield from rows
        return
    if isinstance(rows, pa.Table):
        yield from rows.to_batches()
        return
    # a scan of the whole dataset reads ahead of a slow writer without limit
    for fragment in rows.get_fragments():
        yield from fragment.to_batches(schema=rows.schema)
