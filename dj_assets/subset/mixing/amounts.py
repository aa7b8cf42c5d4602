"""Exact amounts: which samples of each subset are in a mix, how often, and in which order.

Everything follows from the seed, the names of the subsets and the numbers of their samples, by arithmetic with 64-bit
integers: the same file over the same subsets gives the same mix on every machine.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dj_assets.errors import RecipeError
from dj_assets.recipe.mixture import Mix, Share

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Available:
    """Hold what a subset has: its name, the number of its samples, and the tokens of each, int64, shape (samples,).

    `tokens` is None where no tokenizer is given.
    """

    name: str
    samples: int
    tokens: Numbers | None = None


@dataclass(frozen=True)
class Taken:
    """Hold the samples that a mix takes of a subset, in order: numbers and epochs, int64, shape (taken,)."""

    rows: Numbers
    epochs: Numbers


def amounts(mix: Mix, subsets: Sequence[Available]) -> list[Taken]:
    """Return what is taken of each subset.

    Raises
    ------
    RecipeError
        If a subset has too little for its share.
    """
    shares = list(mix.subsets.values())
    weights = [share.weight or 0.0 for share in shares]
    totals = apportioned(mix.samples or mix.tokens or 0, weights) if any(weights) else [0] * len(shares)
    return [_taken(mix, subset, share, total) for subset, share, total in zip(subsets, shares, totals, strict=True)]


def apportioned(total: int, weights: Sequence[float]) -> list[int]:
    """Return whole numbers in the proportion of weights, whose sum is the total; the largest remainders are rounded up.

    Examples
    --------
    >>> apportioned(10, [1, 1, 1])
    [4, 3, 3]
    """
    exact = [total * weight / math.fsum(weights) for weight in weights]
    parts = [math.floor(value) for value in exact]
    by_remainder = sorted(range(len(parts)), key=lambda index: (parts[index] - exact[index], index))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts


def _taken(mix: Mix, subset: Available, share: Share, total: int) -> Taken:
    tokens = share.tokens or (total if mix.tokens is not None else 0)
    if tokens:
        return _up_to(mix, subset, share, tokens)
    if share.epochs is not None:
        return _first(mix, subset, math.floor(share.epochs * subset.samples + 0.5))
    count = share.samples or total
    most = math.floor(share.max_epochs * subset.samples)
    if count > most:
        _refuse(
            mix, subset, f"has {subset.samples:,} samples, but {count:,} are asked for", count / max(1, subset.samples)
        )
    return _first(mix, subset, count)


def _first(mix: Mix, subset: Available, count: int) -> Taken:
    """Return the first samples of the seeded order, which goes over the subset again and again."""
    epochs = -(-count // max(1, subset.samples))
    rows = [_order(mix, subset, epoch) for epoch in range(epochs)] or [np.empty(0, np.int64)]
    numbers = np.repeat(np.arange(epochs, dtype=np.int64), subset.samples)
    return Taken(np.concatenate(rows)[:count], numbers[:count])


def _up_to(mix: Mix, subset: Available, share: Share, tokens: int) -> Taken:
    """Return the samples of the seeded order up to the last that does not exceed a number of tokens."""
    lengths = subset.tokens if subset.tokens is not None else np.empty(0, np.int64)
    whole = int(lengths.sum())
    if tokens > share.max_epochs * whole:
        _refuse(mix, subset, f"has {whole:,} tokens, but {tokens:,} are asked for", tokens / max(1, whole))
    every = _first(mix, subset, subset.samples * (tokens // max(1, whole) + 1))
    count = int(np.searchsorted(np.cumsum(lengths[every.rows]), tokens, side="right"))
    return Taken(every.rows[:count], every.epochs[:count])


def _refuse(mix: Mix, subset: Available, problem: str, epochs: float) -> None:
    fix = f"ask for less, or set max_epochs: {math.ceil(epochs * 100) / 100:g}"
    raise RecipeError(mix.file, problem, key=f"subsets.{subset.name}", fix=fix)


def slots(mix: Mix, subsets: Sequence[Available], taken: Sequence[Taken]) -> list[Numbers]:
    """Return the places of the taken samples of each subset in the mix, int64, shape (taken,).

    The samples of a subset are spread evenly: every stretch of the mix has about the shares of the whole.
    """
    places = []
    for subset, some in zip(subsets, taken, strict=True):
        count = len(some.rows)
        jitter = _hashes(mix, subset.name, "place", count).astype(np.float64) / 2.0**64
        places.append((np.arange(count) + jitter) / max(1, count))
    order = np.argsort(np.concatenate(places), kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return np.split(rank, np.cumsum([len(some) for some in places])[:-1])


def _order(mix: Mix, subset: Available, epoch: int) -> Numbers:
    """Return the numbers of all samples of a subset in the order of one epoch."""
    return np.argsort(_hashes(mix, subset.name, f"epoch {epoch}", subset.samples), kind="stable").astype(np.int64)


def _hashes(mix: Mix, name: str, purpose: str, count: int) -> npt.NDArray[np.uint64]:
    """Return seeded pseudo-random numbers by SplitMix64, uint64, shape (count,)."""
    seed = hashlib.sha256(f"{mix.seed}\0{name}\0{purpose}".encode()).digest()[:8]
    with np.errstate(over="ignore"):
        state = np.frombuffer(seed, "<u8")[0] + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(state ^ (state >> np.uint64(31)), np.uint64)
