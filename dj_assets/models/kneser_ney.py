"""Estimate small n-gram models with interpolated modified Kneser-Ney smoothing, written as ARPA files.

Sources: Chen & Goodman, "An empirical study of smoothing techniques for language modeling" (1999), for the three
discounts of an order from its counts of counts; Heafield et al., "Scalable modified Kneser-Ney language model
estimation" (ACL 2013), for interpolation down to the uniform distribution, for `<unk>`, and for pruning: the mass of
pruned n-grams goes to the back-off weight of their context, so that every distribution still sums to one.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
Gram = tuple[str, ...]
Counts = Mapping[Gram, int]
# The log10 of zero in ARPA files.
_LOG_ZERO = -99.0


@dataclass(frozen=True)
class Model:
    """Hold interpolated probabilities and back-off weights, one mapping per order; `probability[0]` is of unigrams."""

    probability: tuple[Mapping[Gram, float], ...]
    backoff: tuple[Mapping[Gram, float], ...]


def estimate(sentences: Iterable[Sequence[str]], order: int = 3, prune: int = 0) -> Model:
    """Estimate a model from sentences of tokens.

    Parameters
    ----------
    sentences
        Tokens without `<s>` and `</s>`.
    order
        Length of the longest n-grams, at least 2.
    prune
        N-grams of three and more tokens with an (adjusted) count up to this are left out, unless a longer n-gram needs
        them.

    Raises
    ------
    ValueError
        If the text is so small that an order has no n-gram seen once or twice: no discount can be estimated.
    """
    counts = _adjusted_counts(sentences, order)
    kept = _kept(counts, prune)
    uniform = 1 / (len(counts[0]) + 1)
    shorter: dict[Gram, float] = {(): uniform}
    probabilities: list[dict[Gram, float]] = []
    backoffs: list[dict[Gram, float]] = []
    for n, grams in enumerate(counts, start=1):
        shorter, gamma = _interpolate(grams, kept[n - 1], _discounts(grams, n), shorter)
        probabilities.append(shorter)
        backoffs.append(gamma)
    probabilities[0] |= {(UNKNOWN,): backoffs[0][()] * uniform, (BEGIN,): 0.0}
    return Model(tuple(probabilities), tuple(backoffs[1:]))


def arpa(model: Model) -> Iterator[str]:
    """Yield the lines of the ARPA file, n-grams sorted, logarithms to base ten with five decimals."""
    yield "\\data\\"
    for n, grams in enumerate(model.probability, start=1):
        yield f"ngram {n}={len(grams)}"
    for n, grams in enumerate(model.probability, start=1):
        yield ""
        yield f"\\{n}-grams:"
        weights = model.backoff[n - 1] if n <= len(model.backoff) else None
        for gram in sorted(grams):
            line = f"{_log10(grams[gram])}\t{' '.join(gram)}"
            yield line if weights is None else f"{line}\t{_log10(weights.get(gram, 1.0))}"
    yield ""
    yield "\\end\\"


def _adjusted_counts(sentences: Iterable[Sequence[str]], order: int) -> list[Counter[Gram]]:
    """Count the longest n-grams by their occurrences, and shorter ones by their distinct left neighbours.

    An n-gram that begins with `<s>` has no left neighbour, so its plain count is kept.
    """
    longest: Counter[Gram] = Counter()
    starts: list[Counter[Gram]] = [Counter() for _ in range(order)]
    for tokens in sentences:
        padded = (BEGIN, *tokens, END)
        longest.update(padded[i : i + order] for i in range(len(padded) - order + 1))
        for n in range(1, min(order, len(padded) + 1)):
            starts[n - 1][padded[:n]] += 1
    counts = [longest]
    for n in range(order - 1, 0, -1):
        left_neighbours = Counter(gram[1:] for gram in counts[0])
        left_neighbours.update(starts[n - 1])
        counts.insert(0, left_neighbours)
    del counts[0][(BEGIN,)]
    return counts


def _discounts(grams: Counts, order: int) -> tuple[float, float, float]:
    """Return D1, D2 and D3+ of Chen & Goodman from the counts of counts."""
    times = Counter(count for count in grams.values() if count <= 4)
    if not times[1] or not times[2]:
        raise ValueError(f"too little text: no {order}-gram was seen exactly {'twice' if times[1] else 'once'}")
    y = times[1] / (times[1] + 2 * times[2])
    discounts = [k - (k + 1) * y * times[k + 1] / times[k] if times[k] else k * y for k in (1, 2, 3)]
    first, second, third = (min(max(discount, 0.0), k) for k, discount in enumerate(discounts, start=1))
    return first, second, third


def _kept(counts: Sequence[Counts], prune: int) -> list[set[Gram]]:
    """Return the n-grams to write, order by order: frequent ones, and the first and last words of kept longer ones."""
    kept = [
        {gram for gram, count in grams.items() if n < 3 or count > prune} for n, grams in enumerate(counts, start=1)
    ]
    for n in range(len(kept) - 1, 1, -1):
        kept[n - 1] |= {part for gram in kept[n] for part in (gram[:-1], gram[1:])}
    return kept


def _interpolate(
    grams: Counts, kept: set[Gram], discounts: tuple[float, float, float], shorter: Mapping[Gram, float]
) -> tuple[dict[Gram, float], dict[Gram, float]]:
    """Return the probabilities of the kept n-grams, and the back-off weight of every context."""
    total: defaultdict[Gram, int] = defaultdict(int)
    left_over: defaultdict[Gram, float] = defaultdict(float)
    for gram, count in grams.items():
        total[gram[:-1]] += count
        left_over[gram[:-1]] += discounts[min(count, 3) - 1] if gram in kept else count
    gamma = {context: left_over[context] / total[context] for context in total}
    smoothed = {}
    for gram in kept:
        count, context = grams[gram], gram[:-1]
        discounted = (count - discounts[min(count, 3) - 1]) / total[context]
        smoothed[gram] = discounted + gamma[context] * shorter[gram[1:]]
    return smoothed, gamma


def _log10(value: float) -> str:
    return f"{math.log10(value) if value > 0 else _LOG_ZERO:.5g}"
