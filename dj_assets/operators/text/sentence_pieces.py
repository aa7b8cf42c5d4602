"""The SentencePiece pieces of texts, as ids and as places in the normalised text; encoded once a batch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.models import load
from dj_assets.operators.batch import Batch

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SentencePieces:
    """Sample `i` has the pieces `rows[i]` to `rows[i + 1]`; they are its normalised text, cut.

    Piece `k` ends at byte `ends[k]` of the texts and has the id `ids[k]`.
    """

    texts: pa.StringArray
    ids: Int32s
    ends: Int64s
    rows: Int64s


@dataclass(frozen=True)
class Vocabulary:
    """The pieces of a model: their strings, as an Arrow array and for kernels; which code points are pieces alone."""

    pieces: pa.StringArray
    unknown: int
    text: npt.NDArray[np.uint8]
    bounds: Int64s
    alone: npt.NDArray[np.uint8]


@cache
def vocabulary(path: Path) -> Vocabulary:
    """Return the pieces of a model."""
    model = load.sentencepiece(path)
    ids = range(model.get_piece_size())
    pieces = [model.id_to_piece(i) for i in ids]
    encoded = [piece.encode() for piece in pieces]
    alone = np.zeros(0x110000, np.uint8)
    alone[[ord(p) for i, p in zip(ids, pieces, strict=True) if len(p) == 1 and not model.is_unused(i)]] = 1
    return Vocabulary(
        pieces=pa.array(pieces, pa.string()),
        unknown=model.unk_id(),
        text=np.frombuffer(bytearray(b"".join(encoded)), np.uint8),
        bounds=np.cumsum([0, *map(len, encoded)], dtype=np.int64),
        alone=alone,
    )


def sentence_pieces(batch: Batch, path: Path) -> SentencePieces:
    """Return the pieces of every text by the model at `path`."""
    return batch.derive(("sentence pieces", path), lambda: _encoded(path, batch.text.to_pylist()))


def _encoded(path: Path, texts: list[str]) -> SentencePieces:
    from dj_assets.kernels.arrays import buffers

    model = load.sentencepiece(path)
    # one call a text: a call for all of them starts threads
    ids = [model.encode_as_numpy(text) for text in texts]
    normal = [model.normalize(text) for text in texts]
    found, placed = _placed(normal, ids, vocabulary(path))
    if placed.all():
        return found
    asked = {row: model.encode_as_pieces(texts[row]) for row in np.flatnonzero(~placed).tolist()}
    for row, pieces in asked.items():
        normal[row] = "".join(pieces)
    found, _ = _placed(normal, ids, vocabulary(path))
    starts = buffers(found.texts)[1]
    for row, pieces in asked.items():
        found.ends[found.rows[row] : found.rows[row + 1]] = starts[row] + np.cumsum([len(p.encode()) for p in pieces])
    return found


def _placed(normal: list[str], ids: list[Int32s], known: Vocabulary) -> tuple[SentencePieces, npt.NDArray[np.bool_]]:
    """Find every piece in the normalised texts; tell which texts that worked for."""
    from dj_assets.kernels.arrays import buffers
    from dj_assets.kernels.pieces import place_pieces

    texts = pa.array(normal, pa.string())
    flat = np.concatenate([np.empty(0, np.int32), *ids])
    rows = np.cumsum([0, *map(len, ids)], dtype=np.int64)
    ends, placed = place_pieces(*buffers(texts), flat, rows, known.unknown, known.alone, known.text, known.bounds)
    return SentencePieces(texts, flat, ends, rows), placed


def coded(found: SentencePieces, known: Vocabulary) -> tuple[Int32s, pa.StringArray]:
    """Return a code for every piece and the strings of the codes; an unknown piece is its own surface."""
    from dj_assets.kernels.arrays import buffers, strings
    from dj_assets.kernels.replacements import gather

    unknown = np.flatnonzero(found.ids == known.unknown)
    if not len(unknown):
        return found.ids, known.pieces
    data, offsets = buffers(found.texts)
    starts = np.concatenate(([0], found.ends[:-1]))
    firsts = found.rows[:-1][np.diff(found.rows) > 0]
    starts[firsts] = offsets[:-1][np.diff(found.rows) > 0]
    surfaces = strings(*gather(data, starts[unknown], found.ends[unknown])).dictionary_encode()
    place = pc.index_in(surfaces.dictionary, known.pieces).to_numpy(zero_copy_only=False)
    new = np.isnan(place) if place.dtype.kind == "f" else np.zeros(len(place), bool)
    codes_of = np.where(new, len(known.pieces) + np.cumsum(new) - 1, np.nan_to_num(place)).astype(np.int32)
    codes = found.ids.copy()
    codes[unknown] = codes_of[surfaces.indices.to_numpy(zero_copy_only=False)]
    return codes, pa.concat_arrays([known.pieces, surfaces.dictionary.filter(pa.array(new))])


def spaced(found: SentencePieces) -> tuple[pa.StringArray, npt.NDArray[np.bool_]]:
    """Return the pieces of every text with one space between them, and whether a piece has white space inside."""
    from dj_assets.kernels.arrays import buffers, strings
    from dj_assets.kernels.code_points import LINE_BREAK, SPACE, code_point_flags
    from dj_assets.kernels.pieces import join_pieces

    data, offsets, inside = join_pieces(
        *buffers(found.texts), found.ends, found.rows, code_point_flags(), SPACE | LINE_BREAK
    )
    return strings(data, offsets), inside
