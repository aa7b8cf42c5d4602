"""The first sample with each frequent key, as a worker sees it: by its row in the file that is measured."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dj_assets.operators.base import ELSEWHERE

# A file with more rows than this would have to be split anyway: 10^12 samples.
_ROW_BITS = np.uint64(40)
_ROW = np.uint64((1 << 40) - 1)


def position(file: int, rows: np.ndarray) -> np.ndarray:
    """Return the positions of rows of a file, given by its number: file and row in one number, `uint64`."""
    return (np.uint64(file) << _ROW_BITS) | rows.astype(np.uint64)


def file_and_row(position: int) -> tuple[int, int]:
    """Return the number of the file and the row of a position."""
    return position >> int(_ROW_BITS), position & int(_ROW)


def as_in(frequent: Mapping[str, np.ndarray], file: int) -> dict[str, np.ndarray]:
    """Return frequent keys with rows of a file, given by its number, in place of positions, see `CorpusMapper.rewrite`.

    Keys without positions stay as they are.
    """
    return {label: in_file(keys, file) if keys.ndim > 1 else keys for label, keys in frequent.items()}


def in_file(frequent: np.ndarray, file: int) -> np.ndarray:
    """Return keys with rows of a file in place of positions; `ELSEWHERE` stands for those in other files."""
    keys, positions = frequent.T
    rows = np.where(positions >> _ROW_BITS == np.uint64(file), positions & _ROW, ELSEWHERE)
    return np.column_stack((keys, rows))
