"""Read the file of a SentencePiece model (Kudo and Richardson 2018) as arrays: unigram models of the usual kind.

The file is a protocol buffer (`sentencepiece_model.proto`). The library encodes with all other models: those with
pieces that may cross the beginning of a word, or with other splitting or normalization than SentencePiece's defaults.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dj_assets.models.kenlm_file import UnreadableModelError

SPACE = "\u2581".encode()
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
# The difference between the lowest score and the score of a character that no piece has.
UNKNOWN_PENALTY = np.float32(10.0)
# Lengths of pieces fit into a byte; a ring of scores has twice as many entries.
LONGEST_PIECE = 255
_UNIGRAM = 1
# Fields of the messages ModelProto, SentencePiece, TrainerSpec and NormalizerSpec.
_PIECES, _TRAINER, _NORMALIZER = 1, 2, 3
_PIECE, _SCORE, _TYPE = 1, 2, 3
_MODEL_TYPE, _SPACE_AS_SUFFIX, _BYTE_FALLBACK = 3, 24, 35
_CHARSMAP, _DUMMY_PREFIX, _REMOVE_SPACES, _ESCAPE_SPACES = 2, 3, 4, 5

# A piece with fewer than 128 bytes and without a type: the number of bytes, the bytes, the score.
_USUAL_PIECE = re.compile(rb"\x0a([\0-\x7f])(.*)\x15(.{4})", re.DOTALL)

Field = int | bytes


@dataclass(frozen=True)
class SentencePieceFile:
    """Hold a unigram model: piece `i` is `pieces[i]` with the logarithm `scores[i]`; `used` pieces occur in texts.

    `units` are the double array of the character map, empty if characters are not changed. Its values point into
    `replacements`, texts that each end with a zero. `unknown_score` is that of a character that no piece has.
    """

    pieces: tuple[bytes, ...]
    scores: npt.NDArray[np.float32]
    used: npt.NDArray[np.bool_]
    unknown: int
    unknown_score: np.float32
    units: npt.NDArray[np.uint32]
    replacements: npt.NDArray[np.uint8]


@cache
def read_sentencepiece(path: Path) -> SentencePieceFile:
    """Read a model.

    Raises
    ------
    UnreadableModelError
        If only the library can encode with it.
    """
    pieces: list[dict[int, Field]] = []
    specs: dict[int, dict[int, Field]] = {_TRAINER: {}, _NORMALIZER: {}}
    for number, value in _fields(path.read_bytes()):
        if isinstance(value, bytes) and number == _PIECES:
            pieces.append(_piece(value))
        elif isinstance(value, bytes) and number in specs:
            specs[number].update(_fields(value))
    _require_usual(specs[_TRAINER], specs[_NORMALIZER])
    kinds = np.array([piece.get(_TYPE, NORMAL) for piece in pieces])
    texts = tuple(bytes(piece.get(_PIECE, b"")) for piece in pieces)
    _require_within_words(kinds, texts)
    scores = np.array([piece.get(_SCORE, b"\0" * 4) for piece in pieces]).view("<f4")
    units, replacements = _character_map(specs[_NORMALIZER].get(_CHARSMAP, b""))
    return SentencePieceFile(
        pieces=texts,
        scores=scores,
        used=kinds == NORMAL,
        unknown=int(np.flatnonzero(kinds == UNKNOWN)[0]),
        unknown_score=scores[kinds == NORMAL].min() - UNKNOWN_PENALTY,
        units=units,
        replacements=replacements,
    )


def _require_usual(trainer: dict[int, Field], normalizer: dict[int, Field]) -> None:
    usual = (
        trainer.get(_MODEL_TYPE, _UNIGRAM) == _UNIGRAM
        and not trainer.get(_SPACE_AS_SUFFIX, 0)
        and not trainer.get(_BYTE_FALLBACK, 0)
        and all(normalizer.get(field, 1) for field in (_DUMMY_PREFIX, _REMOVE_SPACES, _ESCAPE_SPACES))
    )
    if not usual:
        raise UnreadableModelError("is no unigram model with the usual treatment of white space")


def _require_within_words(kinds: npt.NDArray[np.int64], pieces: tuple[bytes, ...]) -> None:
    if (kinds == USER_DEFINED).any() or (kinds == BYTE).any() or (kinds == UNKNOWN).sum() != 1:
        raise UnreadableModelError("has pieces of its user's or of bytes")
    if any(SPACE in piece[1:] or not 0 < len(piece) <= LONGEST_PIECE for piece in pieces):
        raise UnreadableModelError("has pieces that go beyond a word")


def _character_map(blob: Field) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8]]:
    """Return the double array and the replacements; the blob starts with the number of bytes of the array."""
    if not isinstance(blob, bytes) or not blob:
        return np.frombuffer(b"", "<u4"), np.frombuffer(b"", np.uint8)
    size = int.from_bytes(blob[:4], "little")
    return np.frombuffer(blob[4 : 4 + size], "<u4"), np.frombuffer(blob[4 + size :], np.uint8)


def _piece(message: bytes) -> dict[int, Field]:
    """Return the fields of a piece: of the usual one at once, as there are thousands."""
    usual = _USUAL_PIECE.fullmatch(message)
    if usual is None or len(usual[2]) != usual[1][0]:
        return dict(_fields(message))
    return {_PIECE: usual[2], _SCORE: usual[3]}


def _fields(message: bytes) -> Iterator[tuple[int, Field]]:
    """Yield the fields of a protocol buffer message: numbers as numbers, all others as bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == 0:
            number, at = _varint(message, at)
            yield tag >> 3, number
            continue
        size, at = _varint(message, at) if kind == 2 else ({1: 8, 5: 4}.get(kind, 0), at)
        if (not size and kind != 2) or at + size > len(message):
            raise UnreadableModelError("is no SentencePiece model")
        yield tag >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message):
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise UnreadableModelError("is no SentencePiece model")
