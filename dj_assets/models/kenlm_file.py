"""Read the binary file of a KenLM n-gram model (Heafield 2011) as arrays: its trie, not quantised, not compressed.

The layout is that of KenLM's format version 5. Words are sorted hashes. An n-gram is found by its last word first, then
backwards. The arrays are the memory-mapped file itself, so that all workers share its pages. The library reads other
kinds of files.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

MAGIC = b"mmap lm http://kheafield.com/code format version 5\n\0"
TRIE, SEARCH_VERSION = 2, 1
# The offset of the parameters, after the magic and the numbers that describe the number formats of the writer.
PARAMETERS = 88
UNIGRAM_BYTES = 16
PROBABILITY_BITS, BACKOFF_BITS = 31, 32

Floats = npt.NDArray[np.float32]
UInt64s = npt.NDArray[np.uint64]


class UnreadableModelError(Exception):
    """A file is not a KenLM trie of the one supported kind; the library may still read it."""


@dataclass(frozen=True)
class Level:
    """Hold the n-grams of one order: entry `i` begins at bit `start + i * entry_bits` of the file.

    An entry has the n-gram's first word, its probability without the sign, and, except for the longest n-grams, its
    backoff and the start of its extensions.
    """

    start: int
    entry_bits: int
    word_bits: int
    next_bits: int


@dataclass(frozen=True)
class KenlmFile:
    """Hold a model. Word `w` has the hash `hashes[w - 1]`; 0 represents every unknown word.

    `weights[w]` are probability and backoff of a single word (the next two numbers are not floats). `extensions[w, 1]`
    is the first of the bigrams that end with it. `levels` are the orders from 2 up. `words` is one more than the
    greatest word.
    """

    bits: UInt64s
    hashes: UInt64s
    weights: Floats
    extensions: UInt64s
    levels: tuple[Level, ...]
    words: int


@cache
def read_kenlm(path: Path) -> KenlmFile:
    """Read a model.

    Raises
    ------
    UnreadableModelError
        If it is not a binary file of format version 5 with a trie that is neither quantised nor compressed.
    """
    try:
        with path.open("rb") as file:
            return _model(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), path)
    except (struct.error, ValueError, IndexError) as error:
        raise UnreadableModelError(f"{path}: {error}") from error


def _model(content: mmap.mmap, path: Path) -> KenlmFile:
    order, _, kind, has_words, version = struct.unpack_from("<BxxxfIB3xI", content, PARAMETERS)
    if content[: len(MAGIC)] != MAGIC or (kind, has_words, version) != (TRIE, 1, SEARCH_VERSION) or order < 2:
        raise UnreadableModelError(f"{path}: is no plain trie of KenLM's binary format version 5")
    counts = struct.unpack_from(f"<{order}Q", content, PARAMETERS + 20)
    words = counts[0]
    vocabulary = -(-(PARAMETERS + 20 + 8 * order) // 8) * 8
    [known] = struct.unpack_from("<Q", content, vocabulary)
    unigrams = vocabulary + 8 + 8 * words
    levels, end = levels_from(counts, unigrams + UNIGRAM_BYTES * (words + 2))
    if end > len(content):
        raise UnreadableModelError(f"{path}: ends after {len(content)} bytes, not {end}")
    return KenlmFile(
        bits=np.frombuffer(content, np.uint64, len(content) // 8),
        hashes=np.frombuffer(content, np.uint64, known, vocabulary + 8),
        weights=np.frombuffer(content, np.float32, 4 * (words + 2), unigrams).reshape(-1, 4),
        extensions=np.frombuffer(content, np.uint64, 2 * (words + 2), unigrams).reshape(-1, 2),
        levels=levels,
        words=words,
    )


def levels_from(counts: tuple[int, ...], at: int) -> tuple[tuple[Level, ...], int]:
    """Return the levels, stored one after the other from byte `at` on, and the end of the last."""
    levels = []
    word_bits = counts[0].bit_length()
    for n, count in enumerate(counts[1:], 2):
        longest = n == len(counts)
        next_bits = 0 if longest else counts[n].bit_length()
        weights = PROBABILITY_BITS if longest else PROBABILITY_BITS + BACKOFF_BITS
        level = Level(8 * at, word_bits + weights + next_bits, word_bits, next_bits)
        levels.append(level)
        # one more entry gives the end of the last one's extensions; eight more bytes let a reader load whole 64-bit
        # words
        at += -(-(count + 1) * level.entry_bits // 8) + 8
    return tuple(levels), at
