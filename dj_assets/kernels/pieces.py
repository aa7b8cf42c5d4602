"""Find SentencePiece's unknown pieces in the normalised text from the ids, which the library returns quickly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dj_assets.kernels.arrays import Bytes, Int, Int32s, Int64s
from dj_assets.kernels.code_points import code_point_at
from dj_assets.kernels.jit import kernel


@kernel
def _stands_at(data: Bytes, at: Int, end: Int, piece: Bytes) -> bool:
    if at + len(piece) > end:
        return False
    i = 0
    while i < len(piece) and data[at + i] == piece[i]:
        i += 1
    return i == len(piece)


@kernel
def _unknown_end(data: Bytes, at: Int, end: Int, known: Bytes) -> Int:
    """Return the end of a run of characters that are no piece on their own."""
    while at < end:
        point, width = code_point_at(data, at)
        if known[point]:
            return at
        at += width
    return end


@kernel
def _place(
    data: Bytes,
    start: Int,
    end: Int,
    ids: Int32s,
    unknown: Int,
    known: Bytes,
    text: Bytes,
    bounds: Int64s,
    starts: Int64s,
    ends: Int64s,
) -> bool:
    """Write the start and end of each unknown piece of a row; return whether the pieces match the text exactly."""
    at: Int = np.int64(start)
    written = 0
    for k in range(len(ids)):
        piece = np.int64(ids[k])
        if piece == unknown:
            after = _unknown_end(data, at, end, known)
            if after == at:
                return False
            starts[written], ends[written] = at, after
            written += 1
            at = after
        elif _stands_at(data, at, end, text[bounds[piece] : bounds[piece + 1]]):
            at += bounds[piece + 1] - bounds[piece]
        else:
            return False
    return bool(at == end)


@kernel
def place_unknown_pieces(
    data: Bytes,
    offsets: Int32s,
    ids: Int32s,
    rows: Int64s,
    unknown: Int,
    known: Bytes,
    text: Bytes,
    bounds: Int64s,
) -> tuple[Int64s, Int64s, npt.NDArray[np.bool_]]:
    """Find the position of each unknown piece of every row in the normalised text.

    A character is unknown if no piece is that character alone, and adjacent unknown characters make one piece. So an
    unknown piece ends at the first known character. If the next piece begins with an unknown character, the positions
    no longer match: the row is then not placed, and the caller has to ask the library.

    Parameters
    ----------
    data, offsets
        The normalised texts.
    ids, rows
        The pieces of row `i` are `ids[rows[i]:rows[i + 1]]`.
    unknown, known
        The id of unknown pieces; for every code point, whether it is a piece on its own, shape `(0x110000,)`.
    text, bounds
        Piece `p` is `text[bounds[p]:bounds[p + 1]]`.

    Returns
    -------
    Start and end in `data` of every unknown piece, in order, each of shape `(unknown pieces,)`, and which rows were
    placed; the pieces of other rows are left out.
    """
    total = 0
    for k in range(len(ids)):
        total += ids[k] == unknown
    starts, ends = np.zeros(total, np.int64), np.zeros(total, np.int64)
    placed = np.empty(len(rows) - 1, np.bool_)
    written = 0
    for row in range(len(placed)):
        row_ids = ids[rows[row] : rows[row + 1]]
        placed[row] = _place(
            data,
            offsets[row],
            offsets[row + 1],
            row_ids,
            unknown,
            known,
            text,
            bounds,
            starts[written:],
            ends[written:],
        )
        for k in range(len(row_ids)):
            written += row_ids[k] == unknown
    return starts, ends, placed
