"""Write a binary file of KenLM's format version 5: the plain trie that `kenlm_file` and the library read.

The layout is that of `build_binary trie` (Heafield 2011). Probabilities and backoffs keep single precision, so scores
equal those of the ARPA file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dj_assets.models.kenlm_file import (
    BACKOFF_BITS,
    MAGIC,
    PROBABILITY_BITS,
    SEARCH_VERSION,
    TRIE,
    UNIGRAM_BYTES,
    Level,
    levels_from,
)

UNKNOWN = "<unk>"
# Numbers by which a reader recognises the number formats of the writer.
_FORMATS = struct.pack("<4xfffIIIQ", 0.0, 1.0, -0.5, 1, 0xFFFFFFFF, 0, 1)
# The factor of KenLM's other kind of table; a trie does not use it.
_UNUSED_FACTOR = 1.5
_WORD_BITS = np.uint64(64)

Int64s = npt.NDArray[np.int64]
UInt64s = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Order:
    """Hold the n-grams of one order: word numbers of shape `(count, n)`, probabilities and backoffs."""

    grams: Int64s
    probabilities: Floats
    backoffs: Floats


def write_kenlm(path: Path, arpa: Iterable[str]) -> None:
    """Write the model of an ARPA file.

    Parameters
    ----------
    arpa
        The lines of the file, of order 2 or more. The first and the last words of every n-gram are n-grams, too.

    Raises
    ------
    ValueError
        If the first or the last words of an n-gram are no n-gram.
    """
    texts = _sections(arpa)
    words, hashes = _vocabulary([line.split("\t")[1] for line in texts[0]])
    number = {word: n for n, word in enumerate(words)}
    orders = [_order(lines, number) for lines in texts]
    counts = [len(order.grams) for order in orders]
    head = MAGIC + _FORMATS + struct.pack("<BxxxfIB3xI", len(counts), _UNUSED_FACTOR, TRIE, 1, SEARCH_VERSION)
    head += struct.pack(f"<{len(counts)}Q", *counts)
    head += bytes(-len(head) % 8) + struct.pack("<Q", len(hashes)) + hashes.tobytes() + bytes(8)
    levels, end = levels_from(tuple(counts), len(head) + UNIGRAM_BYTES * (counts[0] + 2))
    body = np.zeros(-(-end // 8) + 1, np.uint64)
    unigrams = _fill(body, levels, orders)
    content = bytearray(body.tobytes()[:end])
    content[: len(head)] = head
    content[len(head) : len(head) + len(unigrams)] = unigrams
    path.write_bytes(content + b"".join(word.encode() + b"\0" for word in words))


def _sections(arpa: Iterable[str]) -> list[list[str]]:
    """Return the lines of n-grams, one list an order."""
    sections: list[list[str]] = []
    for line in arpa:
        text = line.rstrip("\n")
        if text.endswith("-grams:") and text.startswith("\\"):
            sections.append([])
        elif text and sections and not text.startswith("\\end\\"):
            sections[-1].append(text)
    return sections


def _vocabulary(unigrams: Sequence[str]) -> tuple[list[str], UInt64s]:
    """Return the words by their numbers, `<unk>` first and the others sorted by their hash, and the hashes of these."""
    from dj_assets.kernels.arrays import buffers
    from dj_assets.kernels.ngram_trie import word_hashes

    words = [word for word in unigrams if word != UNKNOWN]
    hashes = word_hashes(*buffers(pa.array(words)))
    order = np.argsort(hashes)
    return [UNKNOWN, *(words[n] for n in order)], hashes[order]


def _order(lines: Sequence[str], number: dict[str, int]) -> _Order:
    cells = [line.split("\t") for line in lines]
    grams = np.array([[number[word] for word in cell[1].split(" ")] for cell in cells], np.int64)
    backoffs = np.array([float(cell[2]) if len(cell) > 2 else 0.0 for cell in cells], np.float32)
    # minus zero: no longer n-gram begins with this one
    backoffs[backoffs == 0] = -0.0
    return _Order(grams, np.array([float(cell[0]) for cell in cells], np.float32), backoffs)


def _fill(body: UInt64s, levels: Sequence[Level], orders: Sequence[_Order]) -> bytes:
    """Write the levels into the body of the file; return the table of single words."""
    sorted_orders = list(_sorted(orders))
    following = [parents for _, parents in sorted_orders[1:]]
    for level, (order, _), after in zip(levels, sorted_orders[1:], [*following[1:], None], strict=True):
        start = np.uint64(level.start) + np.arange(len(order.grams) + 1, dtype=np.uint64) * np.uint64(level.entry_bits)
        entries, width = start[:-1], level.word_bits
        _put(body, entries, order.grams[:, 0])
        _put(body, entries + np.uint64(width), order.probabilities.view(np.uint32) & 0x7FFFFFFF)
        if after is not None:
            _put(body, entries + np.uint64(width + PROBABILITY_BITS), order.backoffs.view(np.uint32))
            next_ = np.searchsorted(after, np.arange(len(start)))
            _put(body, start + np.uint64(width + PROBABILITY_BITS + BACKOFF_BITS), next_)
    singles = sorted_orders[0][0]
    table = np.zeros(len(singles.grams) + 2, [("probability", "<f4"), ("backoff", "<f4"), ("next", "<u8")])
    table["probability"][: len(singles.grams)] = singles.probabilities
    table["backoff"][: len(singles.grams)] = singles.backoffs
    # the last entry is spare: KenLM leaves it empty
    table["next"][:-1] = np.searchsorted(following[0], np.arange(len(table) - 1))
    return table.tobytes()


def _sorted(orders: Sequence[_Order]) -> Iterator[tuple[_Order, Int64s]]:
    """Yield each order sorted by the last word first, with the position of the n-gram without the first word.

    The backoff of an n-gram that longer n-grams begin with is no minus zero.
    """
    words = len(orders[0].grams)
    keys: list[Int64s] = []
    for n, order in enumerate(orders):
        key = _positions(keys, order.grams[:, 1:], words) * words + order.grams[:, 0]
        by_key = np.argsort(key)
        keys.append(key[by_key])
        backoffs = order.backoffs[by_key]
        if n + 1 < len(orders):
            begun = _positions(keys, orders[n + 1].grams[:, :-1], words)
            backoffs[begun] = np.where(backoffs[begun] == 0, np.float32(0), backoffs[begun])
        yield _Order(order.grams[by_key], order.probabilities[by_key], backoffs), keys[-1] // words


def _positions(keys: Sequence[Int64s], grams: Int64s, words: int) -> Int64s:
    """Return the positions of n-grams in their sorted order; of n-grams without a word, 0."""
    found = np.zeros(len(grams), np.int64)
    for length in range(1, grams.shape[1] + 1):
        key = found * words + grams[:, -length]
        found = np.minimum(np.searchsorted(keys[length - 1], key), len(keys[length - 1]) - 1)
        if not np.array_equal(keys[length - 1][found], key):
            raise ValueError("the first or the last words of an n-gram are no n-gram of the file")
    return found


def _put(body: UInt64s, bits: UInt64s, values: npt.NDArray[np.integer]) -> None:
    """Write values of up to 57 bits at positions in bits, the lowest bit first."""
    numbers, word, shift = values.astype(np.uint64), bits >> np.uint64(6), bits & np.uint64(63)
    np.bitwise_or.at(body, word, numbers << shift)
    crossing = shift > 0
    np.bitwise_or.at(body, word[crossing] + np.uint64(1), numbers[crossing] >> (_WORD_BITS - shift[crossing]))
