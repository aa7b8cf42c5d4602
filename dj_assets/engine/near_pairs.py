"""Near pairs of distinct signatures: found once for all samples, kept on disk, right for every threshold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dj_assets.engine.clusters import NearPairs
from dj_assets.operators.base import Deduplicator
from dj_assets.recipe.plan import Step, digest
from dj_assets.storage.layout import Layout
from dj_assets.storage.objects.copies import at_hand
from dj_assets.storage.shards import ParquetShard

_KEY = b"dj_assets.key"


def find_near_pairs(
    layout: Layout, step: Step, operator: Deduplicator, signature_files: Sequence[Path], measured: str
) -> NearPairs:
    """Return the near pairs of a deduplicator, from disk where they were found for the same samples before.

    `measured` identifies the measured files of all shards. Pairs hold for any thresholds: they are kept between
    signature values, whether or not a sample with that value survives.
    """
    key = digest([measured, step.identity, operator.model_dump(mode="json")]).encode()
    path = layout.near_pairs(step.signature)
    stored = read_stored(path, key)
    if stored is None:
        stored = operator.near_pairs(_distinct(signature_files, step.signature))
        store(path, stored, key)
    a, b = (stored.column(name).to_numpy() for name in ("a", "b"))
    return NearPairs(a, b)


def _distinct(files: Sequence[Path], column: str) -> np.ndarray:
    distinct = [pq.read_table(path, columns=[column])[column].drop_null().unique().to_numpy() for path in files]
    return distinct_sorted(np.concatenate(distinct)) if distinct else np.empty(0, np.uint64)


def distinct_sorted(values: np.ndarray) -> np.ndarray:
    """Return the distinct values in order. `values` is sorted in place.

    `np.unique` does the same by a hash table, which takes twenty times as long for ten million signatures.
    """
    values.sort()
    first = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=first[1:])
    return values[first]


def read_stored(path: Path, key: bytes) -> pa.Table | None:
    """Return the table at `path` where it was stored under the same key, and is not damaged."""
    if not at_hand(path).exists():
        return None
    try:
        table = pq.read_table(path, page_checksum_verification=True)
    except (pa.ArrowInvalid, OSError):
        return None
    return table if (table.schema.metadata or {}).get(_KEY) == key else None


def store(path: Path, pairs: pa.Table, key: bytes) -> None:
    """Store a table under a key; it appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = pairs.schema.with_metadata({_KEY: key})
    with ParquetShard(path, schema) as writer:
        for batch in pairs.replace_schema_metadata({_KEY: key}).to_batches():
            writer.write(batch)
