"""Keys that several samples share: found once over all samples, in bounded memory, and kept on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dj_assets.home.layout import Layout
from dj_assets.recipe.plan import Step, digest
from dj_assets.replay.clusters import SharedKeys
from dj_assets.replay.near_pairs import read_stored, store
from dj_assets.replay.partitioned.exchange import scattered

# Number of keys that are sorted at once: 16 bytes each, and 16 more while they are sorted.
KEYS_AT_ONCE = 1 << 24

Held = tuple[np.ndarray, np.ndarray]


def find_shared_keys(layout: Layout, step: Step, signature_files: Sequence[Path], measured: str) -> SharedKeys:
    """Return the shared keys of a deduplicator, from disk if they were found for the same samples before.

    `measured` identifies the measured files of all files, given in file order.
    """
    key = digest([measured, step.identity]).encode()
    path = layout.near_pairs(step.signature)
    stored = read_stored(path, key)
    if stored is None:
        stored = shared_keys(signature_files, step.signature)
        store(path, stored, key)
    samples = sum(pq.read_metadata(file).num_rows for file in signature_files)
    return SharedKeys(samples, stored["sample"].to_numpy(), stored["key"].to_numpy())


def shared_keys(files: Sequence[Path], column: str, keys_at_once: int = KEYS_AT_ONCE) -> pa.Table:
    """Return every key that more than one sample holds, with its samples, sorted by key, then sample.

    Keys are processed in parts by their leading bits: each part reads the files again, and none holds all keys. Of the
    keys with the same samples only the first of a part is returned, since one key is enough to unite these samples.
    """
    bits = leading_bits(files, column, keys_at_once)
    parts = [_distinct_groups(*_shared(*part_of_keys(files, column, part, bits))) for part in range(1 << bits)]
    keys, samples = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return pa.table({"key": pa.array(keys, pa.uint64()), "sample": pa.array(samples, pa.int64())})


def leading_bits(files: Sequence[Path], column: str, keys_at_once: int) -> int:
    """Return the number of leading bits that split the keys of a column into parts of about `keys_at_once` or fewer."""
    count = sum(pq.read_table(file, columns=[column])[column].combine_chunks().flatten().__len__() for file in files)
    return max(0, int(np.ceil(np.log2(max(1, count / keys_at_once)))))


def part_of_keys(files: Sequence[Path], column: str, part: int, bits: int) -> Held:
    """Return the keys that start with the bits of `part`, and the sample of each, in the order of samples."""
    keys, samples = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    first = 0
    for file in files:
        for chunk in pq.read_table(file, columns=[column])[column].chunks:
            flat = chunk.flatten().to_numpy()
            holder = first + chunk.value_parent_indices().to_numpy()
            wanted = flat >> np.uint64(64 - bits) == part if bits else slice(None)
            keys.append(flat[wanted])
            samples.append(holder[wanted])
            first += len(chunk)
    return np.concatenate(keys), np.concatenate(samples)


def _shared(keys: np.ndarray, samples: np.ndarray) -> Held:
    """Return the keys that more than one sample has, with their samples, sorted by key, then sample."""
    order = np.argsort(keys, kind="stable")
    keys, samples = keys[order], samples[order]
    same = keys[1:] == keys[:-1]
    shared = np.concatenate((same, [False])) | np.concatenate(([False], same)) if len(keys) else np.empty(0, bool)
    return keys[shared], samples[shared]


def _distinct_groups(keys: np.ndarray, samples: np.ndarray) -> Held:
    """Remove keys with the same samples as an earlier key: most duplicates share all of their keys."""
    if not len(keys):
        return keys, samples
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    sizes = np.diff(np.append(starts, len(keys)))
    # sums of scattered numbers differ for different sets of samples, except with probability 2^-64
    sums = np.add.reduceat(scattered(samples.astype(np.uint64)), starts)
    _, first = np.unique(sums, return_index=True)
    kept = np.zeros(len(starts), bool)
    kept[first] = True
    chosen = np.repeat(kept, sizes)
    return keys[chosen], samples[chosen]
