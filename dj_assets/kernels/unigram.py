"""A unigram model of SentencePiece (Kudo 2018), and the best segmentation of a word as the library finds it.

The library adds scores in single precision, and the first of equal sums wins; the search here does the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dj_assets.kernels.arrays import Bytes, Doubles, Int, Int32s, Int64s
from dj_assets.kernels.jit import inlined, kernel, uncounted

Floats = npt.NDArray[np.float32]

# Scores are kept for this number of piece ends: a power of two above the length of the longest piece.
RING = 512
# A sum beyond this value restarts from 0.
RESET = np.float32(100000.0)


class Unigram(NamedTuple):
    """Hold a model: its pieces as a trie of bytes, and their scores.

    `edges` is an open hash table of `256 * node + byte + 1`, 0 where empty, and `targets` are the nodes to which these
    lead. `first` are the nodes to which the root, node 0, leads, -1 for none; shape `(256,)`. `piece_of` is the piece
    that ends at a node, -1 if there is none. Every piece has its score and its length in bytes. `largest` is the
    largest absolute score.
    """

    edges: Int64s
    targets: Int32s
    piece_of: Int32s
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
    edges, targets = np.zeros(size, np.int64), np.zeros(size, np.int32)
    piece_of = np.full(len(letters) + 1, -1, np.int32)
    nodes = _plant(letters, bounds, chosen, edges, targets, piece_of)
    largest = np.abs(np.append(scores[used], unknown_score)).max()
    first = np.full(256, -1, np.int32)
    from_root = np.flatnonzero((edges > 0) & (edges <= 256))
    first[edges[from_root] - 1] = targets[from_root]
    return Unigram(
        edges,
        targets,
        piece_of[:nodes],
        first,
        scores.astype(np.float32),
        np.array([len(piece) for piece in pieces], np.uint8),
        unknown,
        unknown_score,
        largest,
    )


@inlined
def _slot(edge: Int, mask: Int) -> Int:
    return np.int64((np.uint64(edge) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)) & mask


@kernel
def _plant(letters: Bytes, bounds: Int64s, chosen: Int64s, edges: Int64s, targets: Int32s, piece_of: Int32s) -> int:
    """Enter pieces into an empty trie and return its number of nodes."""
    mask = len(edges) - 1
    nodes = 1
    for index in range(len(chosen)):
        node = np.int64(0)
        for k in range(bounds[index], bounds[index + 1]):
            edge = 256 * node + np.int64(letters[k]) + 1
            slot = _slot(edge, mask)
            while edges[slot] and edges[slot] != edge:
                slot = (slot + 1) & mask
            if not edges[slot]:
                edges[slot], targets[slot] = edge, nodes
                nodes += 1
            node = np.int64(targets[slot])
        piece_of[node] = chosen[index]
    return nodes


@inlined
def _step(edges: Int64s, targets: Int32s, first: Int32s, node: Int, byte: np.uint8) -> Int:
    """Return the node to which a byte leads, -1 if there is none."""
    if not node:
        return np.int64(first[byte])
    mask = len(edges) - 1
    edge = 256 * node + np.int64(byte) + 1
    slot = _slot(edge, mask)
    while edges[slot]:
        if edges[slot] == edge:
            return np.int64(targets[slot])
        slot = (slot + 1) & mask
    return -1


@inlined
def width_of(first: np.uint8) -> int:
    """Return the length of a character in bytes, by its first byte."""
    return 1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4


@uncounted
def piece_at(model: Unigram, text: Bytes, start: Int, end: Int) -> Int:
    """Return the piece that equals the bytes, the unknown piece if there is none."""
    edges, targets, first = model.edges, model.targets, model.first
    node: Int = 0
    for k in range(start, end):
        node = _step(edges, targets, first, node, text[k])
        if node < 0:
            return model.unknown
    piece = np.int64(model.piece_of[node])
    return piece if piece >= 0 else model.unknown


@uncounted
def cut_word(
    model: Unigram, text: Bytes, start: Int, end: Int, before: np.float32, lengths: Bytes, sums: Floats
) -> np.float32:
    """Find the best segmentation of a word as the library does: in single precision, the first of equal ones.

    Sums beyond `RESET` restart from 0. `before` is the sum before the word; the sum after the word is returned. For
    every possible end of a piece, `lengths` gets the length of the best piece.
    """
    edges, targets, first = model.edges, model.targets, model.first
    piece_of, scores = model.piece_of, model.scores
    size = end - start
    for i in range(size + 1):
        lengths[i] = 0
    sums[0] = before
    at: Int = 0
    farthest: Int = 0
    while at < size:
        here = sums[at & (RING - 1)]
        if abs(here) > RESET:
            for i in range(at, farthest + 1):
                if i == at or lengths[i]:
                    sums[i & (RING - 1)] = np.float32(sums[i & (RING - 1)] - here)
            here = np.float32(0.0)
        width = min(width_of(text[start + at]), size - at)
        whole = False
        node: Int = 0
        k: Int = at
        while k < size:
            node = _step(edges, targets, first, node, text[start + k])
            if node < 0:
                break
            k += 1
            piece = piece_of[node]
            if piece >= 0:
                total = np.float32(scores[piece] + here)
                farthest = max(farthest, k)
                if not lengths[k] or total > sums[k & (RING - 1)]:
                    sums[k & (RING - 1)] = total
                    lengths[k] = k - at
                whole |= k - at == width
        if not whole:
            k = at + width
            total = np.float32(model.unknown_score + here)
            farthest = max(farthest, k)
            if not lengths[k] or total > sums[k & (RING - 1)]:
                sums[k & (RING - 1)] = total
                lengths[k] = width
        at += width
    behind: np.float32 = sums[size & (RING - 1)]
    return behind


@inlined
def _offer(best: Doubles, second: Doubles, lengths: Bytes, start: Int, end: Int, total: float) -> None:
    """Record a piece that ends here if it is the best or second best one."""
    second[end] = max(second[end], min(total, best[end]))
    if total > best[end]:
        best[end] = total
        lengths[end] = end - start


@uncounted
def margin_of(
    model: Unigram, text: Bytes, start: Int, end: Int, lengths: Bytes, best: Doubles, second: Doubles
) -> float:
    """Find the best segmentation of a short word in exact arithmetic; return its margin over all others.

    The margin is the least difference between the best and the second best piece at an end on the best path.
    """
    edges, targets, first = model.edges, model.targets, model.first
    piece_of, scores = model.piece_of, model.scores
    size = end - start
    for i in range(size + 1):
        lengths[i], best[i], second[i] = 0, -np.inf, -np.inf
    best[0] = 0.0
    at: Int = 0
    while at < size:
        width = min(width_of(text[start + at]), size - at)
        whole = False
        node: Int = 0
        k: Int = at
        while k < size:
            node = _step(edges, targets, first, node, text[start + k])
            if node < 0:
                break
            k += 1
            piece = piece_of[node]
            if piece >= 0:
                _offer(best, second, lengths, at, k, best[at] + np.float64(scores[piece]))
                whole |= k - at == width
        if not whole:
            _offer(best, second, lengths, at, at + width, best[at] + np.float64(model.unknown_score))
        at += width
    margin = np.inf
    while at > 0:
        margin = min(margin, best[at] - second[at])
        at -= np.int64(lengths[at])
    return margin
