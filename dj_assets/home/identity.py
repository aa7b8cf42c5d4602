"""Identity of samples: file and row; a sample that an operator made from others has the row of its source and a part.

The column `row` of all tables holds both: the row of the record in the source file in its low 40 bits, the part above.
Part 0 is the record itself. Parts are numbered in the order of the samples, so identity depends on no worker or shard.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from dj_assets.recipe.plan import CHILD

# Columns of a recipe that makes samples from others. In the table `stats`: the row of the parent, and the index of the
# step that made the sample, both null for a record. In the signatures: how many samples before it the parent stands.
PARENT_ROW, CREATED_AT = CHILD
PARENT_DISTANCE = "parent_distance"
# The step of a record of the source.
FROM_SOURCE = -1
_ROW_BITS = 40
# SQL that orders the samples of a file: those made from a record are where it was.
IN_FILE_ORDER = f"row & {(1 << _ROW_BITS) - 1}, row >> {_ROW_BITS}"


def row_of(source_row: npt.NDArray[np.int64], part: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the values of the column `row` for parts of records."""
    return source_row + (part << _ROW_BITS)


def source_row(row: int) -> int:
    """Return the row of the record in its source file.

    Examples
    --------
    >>> source_row(7 + (3 << 40))
    7
    """
    return row & ((1 << _ROW_BITS) - 1)


Row = TypeVar("Row", int, npt.NDArray[np.int64])


def part_of(row: Row) -> Row:
    """Return the part, 0 for the record itself; also of an array of rows.

    Examples
    --------
    >>> part_of(7 + (3 << 40))
    3
    """
    return row >> _ROW_BITS


def in_words(row: int) -> str:
    """Return the row of a sample in words.

    Examples
    --------
    >>> in_words(7), in_words(7 + (3 << 40))
    ('row 7', 'row 7, part 3')
    """
    return f"row {source_row(row)}" + (f", part {part_of(row)}" if part_of(row) else "")


def id_of(source_id: str, part: int) -> str:
    """Return the id of a part of the record with an id.

    Examples
    --------
    >>> id_of("web.jsonl:7", 0), id_of("web.jsonl:7", 3)
    ('web.jsonl:7', 'web.jsonl:7#3')
    """
    return f"{source_id}#{part}" if part else source_id
