"""A unigram model of SentencePiece (Kudo 2018), and the best segmentation of a word as the library finds it.

The library adds scores in single precision, and the first of equal sums wins; the search here does the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dj_assets.kernels.arrays import Bytes, Doubles, Int, Int32s, Int64s, UInt64s
from dj_assets.kernels.jit import inlined, kernel, uncounted

Floats = npt.NDArray[np.float32]

# Scores are kept for this number of piece ends: a power of two above the length of the longest piece.
RING = 512
# A sum beyond this value restarts from 0.
RESET = np.float32(100000.0)
# An edge has the node to which it leads in this number of bits, below node and byte from which it comes.
_NODE_BITS = np.uint64(31)
_NODE = np.uint64((1 << 31) - 1)


class Unigram(NamedTuple):
    """Hold a model: its pieces as a trie of bytes, and their scores.

    `edges` is an open hash table of `256 * node + byte + 1`, with the node to which these lead in the lower 31 bits, 0
    where empty. `first` are the nodes to which the root, node 0, leads, -1 for none; shape `(256,)`. `pieces` has the
    piece that ends at a node, -1 if there is none, and `ending` the score of this piece, NaN if there is none. Every
    piece has its score and its length in bytes. `largest` is the largest absolute score.
    """

    edges: UInt64s
    pieces: Int32s
    ending: Floats
    first: Int32s
    scores: Floats
    lengths: Bytes
    unknown: int
    unknown_score: np.float32
    largest: np.float32


def unigram(
    pieces: Sequence[bytes], used: npt.NDArray[np.bool_], scores: Floats, unknown: int, unknown_score: np.float32
) -> Unigram:
    """Return a model for kernels; pieces that are not `used` occur in no text."""
    chosen = np.flatnonzero(used)
    texts = [pieces[index] for index in chosen.tolist()]
    bounds = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    letters = np.frombuffer(b"".join(texts), np.uint8)
    size = 1 << int(2 * len(letters) + 2).bit_length()
    edges = np.zeros(size, np.uint64)
    ends = np.full(len(letters) + 1, -1, np.int32)
    ends = ends[: _plant(letters, bounds, chosen, edges, ends)]
    scores = scores.astype(np.float32)
    ending = np.where(ends >= 0, scores[ends], np.float32(np.nan))
    largest = np.abs(np.append(scores[used], unknown_score)).max()
    first = np.full(256, -1, np.int32)
    keys = edges >> _NODE_BITS
    from_root = np.flatnonzero((keys > 0) & (keys <= 256))
    first[keys[from_root].astype(np.int64) - 1] = edges[from_root] & _NODE
    return Unigram(
        edges,
        ends,
        ending,
        first,
        scores,
        np.array([len(piece) for piece in pieces], np.uint8),
        unknown,
        unknown_score,
        largest,
    )


@inlined
def _key(node: Int, byte: np.uint8) -> np.uint64:
    return np.uint64((node << 8) + np.int64(byte) + 1)


@inlined
def _slot(key: np.uint64, mask: Int) -> Int:
    return np.int64((key * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)) & mask


@kernel
def _plant(letters: Bytes, bounds: Int64s, chosen: Int64s, edges: UInt64s, ends: Int32s) -> int:
    """Enter pieces into an empty trie and return its number of nodes."""
    mask = len(edges) - 1
    nodes = 1
    for index in range(len(chosen)):
        node = np.int64(0)
        for k in range(bounds[index], bounds[index + 1]):
            key = _key(node, letters[k])
            slot = _slot(key, mask)
            while edges[slot] and edges[slot] >> _NODE_BITS != key:
                slot = (slot + 1) & mask
            if not edges[slot]:
                edges[slot] = key << _NODE_BITS | np.uint64(nodes)
                nodes += 1
            node = np.int64(edges[slot] & _NODE)
        ends[node] = chosen[index]
    return nodes


@inlined
def _step(edges: UInt64s, first: Int32s, node: Int, byte: np.uint8) -> Int:
    """Return the node to which a byte leads, -1 if there is none."""
    if not node:
        return np.int64(first[byte])
    mask = len(edges) - 1
    key = _key(node, byte)
    slot = _slot(key, mask)
    while edges[slot]:
        if edges[slot] >> _NODE_BITS == key:
            return np.int64(edges[slot] & _NODE)
        slot = (slot + 1) & mask
    return -1


@inlined
def width_of(first: np.uint8) -> int:
    """Return the length of a character in bytes, by its first byte."""
    return 1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4


@inlined
def piece_of(cut: np.int32) -> Int:
    """Return the piece that ends at a place, by its cut."""
    return np.int64(cut) >> 8


@inlined
def length_of(cut: np.int32) -> Int:
    """Return the length in bytes of the piece that ends at a place, by its cut."""
    return np.int64(cut) & 0xFF


@uncounted
def cut_word(
    model: Unigram, text: Bytes, start: Int, end: Int, before: np.float32, cuts: Int32s, sums: Floats
) -> np.float32:
    """Find the best segmentation of a word as the library does: in single precision, the first of equal ones.

    Sums beyond `RESET` restart from 0. `before` is the sum before the word; the sum after the word is returned. For
    every possible end of a piece, `cuts` gets the best piece and its length, for `piece_of` and `length_of`.
    """
    edges, first, ending, pieces = model.edges, model.first, model.ending, model.pieces
    size = end - start
    for i in range(size + 1):
        cuts[i] = 0
    sums[0] = before
    at: Int = 0
    farthest: Int = 0
    while at < size:
        here = sums[at & (RING - 1)]
        if abs(here) > RESET:
            for i in range(at, farthest + 1):
                if i == at or cuts[i]:
                    sums[i & (RING - 1)] = np.float32(sums[i & (RING - 1)] - here)
            here = np.float32(0.0)
        width = min(width_of(text[start + at]), size - at)
        whole = False
        node: Int = 0
        k: Int = at
        while k < size:
            node = _step(edges, first, node, text[start + k])
            if node < 0:
                break
            k += 1
            score = ending[node]
            if not np.isnan(score):
                total = np.float32(score + here)
                farthest = max(farthest, k)
                if not cuts[k] or total > sums[k & (RING - 1)]:
                    sums[k & (RING - 1)] = total
                    cuts[k] = pieces[node] << 8 | (k - at)
                whole |= k - at == width
        if not whole:
            k = at + width
            total = np.float32(model.unknown_score + here)
            farthest = max(farthest, k)
            if not cuts[k] or total > sums[k & (RING - 1)]:
                sums[k & (RING - 1)] = total
                cuts[k] = model.unknown << 8 | width
        at += width
    behind: np.float32 = sums[size & (RING - 1)]
    return behind


@inlined
def _offer(best: Doubles, second: Doubles, cuts: Int32s, start: Int, end: Int, total: float, piece: Int) -> None:
    """Record a piece that ends here if it is the best or second best one."""
    second[end] = max(second[end], min(total, best[end]))
    if total > best[end]:
        best[end] = total
        cuts[end] = piece << 8 | (end - start)


@uncounted
def margin_of(model: Unigram, text: Bytes, start: Int, end: Int, cuts: Int32s, best: Doubles, second: Doubles) -> float:
    """Find the best segmentation of a short word in exact arithmetic; return its margin over all others.

    The margin is the least difference between the best and the second best piece at an end on the best path.
    """
    edges, first, ending, pieces = model.edges, model.first, model.ending, model.pieces
    size = end - start
    for i in range(size + 1):
        cuts[i], best[i], second[i] = 0, -np.inf, -np.inf
    best[0] = 0.0
    at: Int = 0
    while at < size:
        width = min(width_of(text[start + at]), size - at)
        whole = False
        node: Int = 0
        k: Int = at
        while k < size:
            node = _step(edges, first, node, text[start + k])
            if node < 0:
                break
            k += 1
            score = ending[node]
            if not np.isnan(score):
                _offer(best, second, cuts, at, k, best[at] + np.float64(score), pieces[node])
                whole |= k - at == width
        if not whole:
            _offer(best, second, cuts, at, at + width, best[at] + np.float64(model.unknown_score), model.unknown)
        at += width
    margin = np.inf
    while at > 0:
        margin = min(margin, best[at] - second[at])
        at -= length_of(cuts[at])
    return margin
