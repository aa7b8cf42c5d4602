"""Identify the language of texts by a kernel with the results of fastText; report texts that need the library."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dj_assets import settings
from dj_assets.models.fasttext_file import FastTextFile, UnreadableModelError, read_fasttext

if TYPE_CHECKING:
    from dj_assets.kernels.language_id import Classifier
    from dj_assets.kernels.word_memo import Memo

# Scores of the kernel and of the library agree to the last bits of a float. Labels closer than this are a tie, and at
# twice this probability fastText stops searching for labels.
TOLERANCE = 1e-5

Objects = npt.NDArray[np.object_]
Doubles = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def identified(path: Path, texts: pa.StringArray) -> tuple[Objects, Doubles, Flags]:
    """Return the language and its probability of every lower-case text, and a flag for texts that need the library.

    If the kernel does not support the kind of the model, all texts need the library.
    """
    if settings.plain_kernels():
        return _by_library(len(texts))
    from dj_assets.kernels.arrays import buffers
    from dj_assets.kernels.language_id import classify

    try:
        names, classifier, memo = _classifier(path)
    except UnreadableModelError:
        return _by_library(len(texts))
    labels, best, second = classify(*buffers(texts), classifier, memo)
    return names[labels], best, (best - second < TOLERANCE) | (best < 3 * TOLERANCE)


def _by_library(size: int) -> tuple[Objects, Doubles, Flags]:
    return np.empty(size, object), np.zeros(size), np.ones(size, bool)


@cache
def _classifier(path: Path) -> tuple[Objects, Classifier, Memo]:
    """Read a model once a process. Its memo fills as texts come."""
    from dj_assets.kernels.word_memo import new_memo

    model = read_fasttext(path)
    return np.array(model.labels, object), _prepared(model), new_memo()


def _prepared(model: FastTextFile) -> Classifier:
    from dj_assets.kernels.language_id import BLOCK, MARKS, Classifier, word_slots

    letters = np.frombuffer(bytearray(b"".join(model.words)) or bytearray(1), np.uint8)
    offsets = np.cumsum([0, *map(len, model.words)], dtype=np.int64)
    slots = np.full(1 << (2 * len(model.words)).bit_length(), -1, np.int32)
    word_slots(letters, offsets, slots)
    missing = -model.rows.shape[1] % BLOCK
    rows = np.pad(model.rows, ((0, 0), (0, missing))) if missing else model.rows
    return Classifier(
        rows=rows.reshape(-1),
        width=rows.shape[1],
        row_of_bucket=model.row_of_bucket,
        kept=np.packbits(model.row_of_bucket >= 0, bitorder="little"),
        shortest=model.shortest_ngram,
        longest=model.longest_ngram,
        slots=slots,
        letters=letters,
        word_offsets=offsets,
        end_of_sentence=model.words.index(b"</s>") if b"</s>" in model.words else -1,
        marks=np.frombuffer(bytearray(MARKS), np.uint8),
        output=model.output,
        left=model.left,
        right=model.right,
    )
