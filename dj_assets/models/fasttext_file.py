"""Read a fastText classifier (`.bin`, or product-quantised `.ftz`; Joulin et al. 2016) as arrays.

The layout is that of fastText 0.9.x, file version 12: little-endian, without alignment. The library remains the
reference for the results of a model; with the arrays, a kernel computes the same without hashing every character n-gram
of every word.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

MAGIC, VERSION = 793712314, 12
SUPERVISED, HIERARCHICAL_SOFTMAX = 3, 1
CENTROIDS = 256
END_OF_SENTENCE = b"</s>"
LABEL_PREFIX = "__label__"
# The count that fastText gives to an inner node of the tree before its children are known.
_COUNTLESS = 10**15
_ENTRY = re.compile(rb"([^\0]*)\0(.{8})(.)", re.DOTALL)

Floats = npt.NDArray[np.float32]
Int32s = npt.NDArray[np.int32]


class UnreadableModelError(Exception):
    """A file is not a fastText classifier of the one supported kind; the library may still read it."""


@dataclass(frozen=True)
class FastTextFile:
    """Hold a classifier with subwords and a Huffman tree over its labels.

    `rows` are the input vectors, shape `(words + buckets, dimension)`: word `i` has row `i`; an n-gram in bucket `b`
    has row `row_of_bucket[b]`, -1 if it was pruned. `output` has one row per inner node of the tree: node `n` has row
    `n - len(labels)`. A node with `left[n] < 0` is the label `n`. The root is the last node.
    """

    words: tuple[bytes, ...]
    labels: tuple[str, ...]
    shortest_ngram: int
    longest_ngram: int
    rows: Floats
    row_of_bucket: Int32s
    output: Floats
    left: Int32s
    right: Int32s


class _File:
    """Reader of a file from front to back."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self.content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.at = 0

    def numbers(self, layout: str) -> tuple[Any, ...]:
        """Read numbers in a layout of the module `struct`."""
        numbers = struct.unpack_from(f"<{layout}", self.content, self.at)
        self.at += struct.calcsize(f"<{layout}")
        return numbers

    def array(self, kind: type[np.generic], count: int) -> np.ndarray:
        """Read `count` numbers; other processes share the pages of the file until they are written to."""
        array = np.frombuffer(self.content, kind, count, self.at)
        self.at += array.nbytes
        return array

    def entries(self, number: int) -> Iterator[tuple[bytes, int, bool]]:
        """Read entries of a dictionary: a text that ends with a zero byte, its count, whether it is a label."""
        for entry in islice(_ENTRY.finditer(self.content, self.at), number):
            self.at = entry.end()
            yield entry[1], int.from_bytes(entry[2], "little", signed=True), entry[3] != b"\0"
            number -= 1
        if number:
            raise ValueError(f"{number} entries of the dictionary are missing")


@cache
def read_fasttext(path: Path) -> FastTextFile:
    """Read a classifier.

    Raises
    ------
    UnreadableModelError
        If it is not a classifier with file version 12, single words, hierarchical softmax and character n-grams.
    """
    try:
        file = _File(path)
        return _classifier(file, path)
    except (struct.error, ValueError, IndexError) as error:
        raise UnreadableModelError(f"{path}: {error}") from error


@cache
def labels_of(path: Path) -> tuple[str, ...]:
    """Return the labels of a classifier without its prefix; its vectors are not read.

    Raises
    ------
    UnreadableModelError
        If it is no fastText model of file version 12.
    """
    try:
        file = _File(path)
        if file.numbers("ii") != (MAGIC, VERSION):
            raise UnreadableModelError(f"{path}: is no fastText model of file version {VERSION}")
        file.numbers("12i")
        file.numbers("d")
        return _dictionary(file)[1]
    except (struct.error, ValueError, IndexError) as error:
        raise UnreadableModelError(f"{path}: {error}") from error


def _classifier(file: _File, path: Path) -> FastTextFile:
    if file.numbers("ii") != (MAGIC, VERSION):
        raise UnreadableModelError(f"{path}: is no fastText model of file version {VERSION}")
    dimension, _, _, _, _, word_ngrams, loss, kind, buckets, shortest, longest, _ = file.numbers("12i")
    file.numbers("d")
    if (word_ngrams, loss, kind) != (1, HIERARCHICAL_SOFTMAX, SUPERVISED) or longest < 1:
        raise UnreadableModelError(f"{path}: is not a classifier by single words and hierarchical softmax")
    words, labels, counts, pruned = _dictionary(file)
    rows, quantised = _matrix(file)
    output, _ = _matrix(file, quantised)
    if rows.shape[1] != dimension:
        raise UnreadableModelError(f"{path}: has rows of {rows.shape[1]} numbers, not {dimension}")
    left, right = huffman_tree(counts)
    return FastTextFile(
        words, labels, shortest, longest, rows, _bucket_rows(buckets, len(words), pruned), output, left, right
    )


def _dictionary(file: _File) -> tuple[tuple[bytes, ...], tuple[str, ...], list[int], Int32s | None]:
    """Read words, labels, counts of labels, and, if n-grams were pruned, the pairs of bucket and row."""
    size, _, _, _, pruned = file.numbers("iiiqq")
    words, labels, counts = [], [], []
    for text, count, is_label in file.entries(size):
        if is_label:
            labels.append(text.decode().removeprefix(LABEL_PREFIX))
            counts.append(count)
        else:
            words.append(text)
    pairs = file.array(np.int32, 2 * pruned).reshape(-1, 2) if pruned >= 0 else None
    return tuple(words), tuple(labels), counts, pairs


def _bucket_rows(buckets: int, words: int, pruned: Int32s | None) -> Int32s:
    if pruned is None:
        return words + np.arange(buckets, dtype=np.int32)
    rows = np.full(buckets, -1, np.int32)
    rows[pruned[:, 0]] = words + pruned[:, 1]
    return rows


def _matrix(file: _File, allowed: bool = True) -> tuple[Floats, bool]:  # noqa: FBT001 - a flag in the file
    """Read a matrix, dense or quantised; return it and the flag of the file for quantisation.

    The output matrix is quantised only if the input matrix is (`allowed`) and its own flag is set.
    """
    [flag] = file.numbers("?")
    if flag and allowed:
        return _quantised(file), True
    height, width = file.numbers("qq")
    return file.array(np.float32, height * width).reshape(height, width), False


def _quantised(file: _File) -> Floats:
    """Read a matrix of product-quantised rows; their lengths may be quantised separately (Jégou et al. 2011)."""
    [lengths_apart] = file.numbers("?")
    height, _ = file.numbers("qq")
    [size] = file.numbers("i")
    codes = file.array(np.uint8, size).reshape(height, -1)
    rows = _centroids(file, codes)
    if lengths_apart:
        rows *= _centroids(file, file.array(np.uint8, height).reshape(height, 1))
    return rows


def _centroids(file: _File, codes: npt.NDArray[np.uint8]) -> Floats:
    """Read a quantiser and return the rows of the codes: the concatenated centroids of all parts."""
    dimension, parts, width, last_width = file.numbers("4i")
    centroids = file.array(np.float32, dimension * CENTROIDS)
    widths = [width] * (parts - 1) + [last_width]
    rows = np.empty((len(codes), dimension), np.float32)
    for part, part_width in enumerate(widths):
        start = part * width
        table = centroids[start * CENTROIDS : start * CENTROIDS + part_width * CENTROIDS].reshape(CENTROIDS, part_width)
        rows[:, start : start + part_width] = np.take(table, codes[:, part], axis=0)
    return rows


def huffman_tree(counts: list[int]) -> tuple[Int32s, Int32s]:
    """Return the left and right child of every node of fastText's Huffman tree, -1 for the labels.

    Labels are in descending order of counts, as in the file. The smallest two nodes are merged first; a label is merged
    only if it is smaller than the smallest inner node.
    """
    labels = len(counts)
    count = counts + [_COUNTLESS] * (labels - 1)
    left, right = np.full(2 * labels - 1, -1, np.int32), np.full(2 * labels - 1, -1, np.int32)
    label, inner = labels - 1, labels

    def smallest() -> int:
        nonlocal label, inner
        if label >= 0 and count[label] < count[inner]:
            label -= 1
            return label + 1
        inner += 1
        return inner - 1

    for node in range(labels, 2 * labels - 1):
        left[node], right[node] = smallest(), smallest()
        count[node] = count[left[node]] + count[right[node]]
    return left, right
