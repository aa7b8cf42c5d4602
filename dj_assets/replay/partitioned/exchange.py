"""Exchange of records between all pieces of a stage and all pieces of the next, through files on a shared disk.

A file holds the records of one sender, grouped by receiver.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from dj_assets.home.writing import replace_atomically


def records(**columns: np.ndarray) -> np.ndarray:
    """Return columns of equal length as one structured array of records."""
    kinds = [(name, column.dtype) for name, column in columns.items()]
    made = np.empty(len(next(iter(columns.values()))), kinds)
    for name, column in columns.items():
        made[name] = column
    return made


def scatter(path: Path, sent: np.ndarray, receiver: np.ndarray, receivers: int) -> None:
    """Write records for n `receivers`, given the receiver's number of each record."""
    order = np.argsort(receiver, kind="stable")
    ends = np.cumsum(np.bincount(receiver, minlength=receivers))
    with replace_atomically(path) as temporary, temporary.open("wb") as file:
        np.save(file, np.concatenate(([0], ends)))
        np.save(file, sent[order])


def gather(paths: Iterable[Path], receiver: int) -> np.ndarray:
    """Return the records for one receiver from all senders, in the order of the paths."""
    received = []
    for path in paths:
        with path.open("rb") as file:
            ends = np.load(file)
            version = np.lib.format.read_magic(file)
            read_header = (
                np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            )
            kind = read_header(file)[2]
            file.seek(int(ends[receiver]) * kind.itemsize, 1)
            count = int(ends[receiver + 1] - ends[receiver])
            received.append(np.fromfile(file, kind, count))
    return np.concatenate(received)


def write_array(path: Path, array: np.ndarray) -> None:
    """Write an array to a file, which appears complete or not at all."""
    with replace_atomically(path) as temporary, temporary.open("wb") as file:
        np.save(file, array)


def receiver_of(values: np.ndarray, receivers: int) -> np.ndarray:
    """Return the receiver's number of each value; equal values have the same receiver."""
    words = _words(values)
    mixed = words[0]
    for word in words[1:]:
        mixed = scattered(mixed) ^ word
    return (scattered(mixed) % np.uint64(receivers)).astype(np.int64)


def _words(values: np.ndarray) -> list[np.ndarray]:
    """Return values as arrays of 64-bit numbers: one array for integers, several for bytes."""
    if values.dtype.kind != "S":
        return [values.astype(np.uint64)]
    width = -(-values.dtype.itemsize // 8)
    padded = np.ascontiguousarray(values.astype(f"S{8 * width}"))
    return list(padded.view(np.uint64).reshape(-1, width).T)


def scattered(values: np.ndarray) -> np.ndarray:
    """Return the values scattered over all 64 bits by a bijection (SplitMix64, Steele et al. 2014)."""
    values = (values + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = values ^ (values >> np.uint64(31))
    return mixed
