"""Encode texts as the ids of SentencePiece pieces, once a batch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dj_assets import settings
from dj_assets.models import load
from dj_assets.models.kenlm_file import UnreadableModelError
from dj_assets.models.sentencepiece_file import read_sentencepiece
from dj_assets.operators.batch import Batch

if TYPE_CHECKING:
    from dj_assets.kernels.character_map import CharacterMap
    from dj_assets.kernels.unigram import Unigram
    from dj_assets.kernels.unigram_words import PieceMemo

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SentencePieces:
    """Hold the pieces of samples: sample `i` has the pieces `rows[i]` to `rows[i + 1]`; piece `k` has the id `ids[k]`.

    `surfaces` are the texts of the unknown pieces in the normalised texts, in their order.
    """

    ids: Int32s
    rows: Int64s
    surfaces: pa.StringArray


@dataclass(frozen=True)
class Vocabulary:
    """Hold the pieces of a model, as an Arrow array and for kernels, and which code points are pieces alone."""

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
    return batch.derive(("sentence pieces", path), lambda: _by_kernel(path, batch.text))


@cache
def _encoder(path: Path) -> tuple[CharacterMap, Unigram, PieceMemo]:
    """Return the tables with which the kernel encodes.

    Raises
    ------
    UnreadableModelError
        If the model has more pieces than the kernel can number.
    """
    from dj_assets.kernels.character_map import character_map
    from dj_assets.kernels.unigram import unigram
    from dj_assets.kernels.unigram_words import MOST_KINDS, new_memo

    file = read_sentencepiece(path)
    if len(file.pieces) > MOST_KINDS:
        raise UnreadableModelError(f"{path} has more than {MOST_KINDS} pieces")
    model = unigram(file.pieces, file.used, file.scores, file.unknown, file.unknown_score)
    return character_map(file.units, file.replacements), model, new_memo()


def _by_kernel(path: Path, texts: pa.StringArray) -> SentencePieces:
    """Encode by the kernel, which equals the library, or by the library if the kernel does not support the model."""
    if settings.plain_kernels():
        return _by_library(path, texts.to_pylist())
    from dj_assets.kernels.arrays import buffers, strings
    from dj_assets.kernels.unigram_words import encode

    try:
        table, model, memo = _encoder(path)
    except UnreadableModelError:
        return _by_library(path, texts.to_pylist())
    ids, rows, letters, ends = encode(*buffers(texts), table, model, memo)
    return SentencePieces(ids, rows, strings(letters, ends))


def _by_library(path: Path, texts: list[str]) -> SentencePieces:
    model = load.sentencepiece(path)
    # one call for each text: a call for all texts would start threads
    ids = [model.encode_as_numpy(text) for text in texts]
    flat = np.concatenate([np.empty(0, np.int32), *ids])
    rows = np.cumsum([0, *map(len, ids)], dtype=np.int64)
    known = vocabulary(path)
    before = np.concatenate(([0], np.cumsum(flat == known.unknown)))
    strange = np.flatnonzero(np.diff(before[rows]))
    surfaces = _surfaces(path, [texts[row] for row in strange.tolist()], [ids[row] for row in strange.tolist()])
    return SentencePieces(flat, rows, surfaces)


def _surfaces(path: Path, texts: list[str], ids: list[Int32s]) -> pa.StringArray:
    """Return the texts of unknown pieces; by the library if the ids do not determine them."""
    from dj_assets.kernels.arrays import buffers, strings
    from dj_assets.kernels.replacements import gather

    model, known = load.sentencepiece(path), vocabulary(path)
    normal = pa.array([model.normalize(text) for text in texts], pa.string())
    starts, ends, placed = _placed(normal, ids, known)
    surfaces = strings(*gather(buffers(normal)[0], starts, ends))
    if placed.all():
        return surfaces
    parts, at = [], 0
    for text, row_ids, done in zip(texts, ids, placed.tolist(), strict=True):
        indices = np.flatnonzero(row_ids == known.unknown)
        if done:
            parts.append(surfaces.slice(at, len(indices)))
        else:
            asked = model.encode_as_pieces(text)
            parts.append(pa.array([asked[k] for k in indices.tolist()], pa.string()))
        at += len(indices)
    return pa.concat_arrays(parts)


def _placed(
    normal: pa.StringArray, ids: list[Int32s], known: Vocabulary
) -> tuple[Int64s, Int64s, npt.NDArray[np.bool_]]:
    """Return start and end of every unknown piece of the normalised texts, and the texts for which this worked."""
    from dj_assets.kernels.arrays import buffers
    from dj_assets.kernels.pieces import place_unknown_pieces

    flat = np.concatenate([np.empty(0, np.int32), *ids])
    rows = np.cumsum([0, *map(len, ids)], dtype=np.int64)
    return place_unknown_pieces(*buffers(normal), flat, rows, known.unknown, known.alone, known.text, known.bounds)


def coded(pieces: SentencePieces, known: Vocabulary) -> tuple[Int32s, pa.StringArray]:
    """Return a code for every piece and the strings of the codes; an unknown piece is represented by its surface.

    The pieces of the model come first; their codes are their ids.
    """
    if not len(pieces.surfaces):
        return pieces.ids, known.pieces
    surfaces = pieces.surfaces.dictionary_encode()
    index = pc.index_in(surfaces.dictionary, known.pieces).to_numpy(zero_copy_only=False)
    new = np.isnan(index) if index.dtype.kind == "f" else np.zeros(len(index), bool)
    codes_of = np.where(new, len(known.pieces) + np.cumsum(new) - 1, np.nan_to_num(index)).astype(np.int32)
    codes = pieces.ids.copy()
    codes[pieces.ids == known.unknown] = codes_of[surfaces.indices.to_numpy(zero_copy_only=False)]
    return codes, pa.concat_arrays([known.pieces, surfaces.dictionary.filter(pa.array(new))])
