"""Tabulate the pairs of adjacent characters that ftfy takes for a sign of mojibake.

ftfy repairs the encoding of a line only if its pattern of bad sequences (`ftfy.badness.BADNESS_RE`) matches. The
pattern is a list of alternatives; each requires certain adjacent characters. If no two adjacent characters of a line
can belong to one alternative, the pattern cannot match. The table is computed from the pattern itself, so it follows
the installed version of ftfy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from dj_assets.couplings import mojibake_pattern, parsed_pattern

# The size of the tables: all characters of mojibake are below, and nearly all characters of any text.
CODE_POINTS = 0x20000
ASCII = 128

Masks = npt.NDArray[np.uint64]
Set = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Suspicion:
    """Flag suspicious characters: adjacent `a`, `b` with `first[a] & second[b]`, and those in `alone` by themselves.

    Each array has the shape `(CODE_POINTS,)`. No ASCII character is a first one or suspicious alone.
    """

    first: Masks
    second: Masks
    alone: Set


@cache
def suspicion() -> Suspicion:
    """Return the table for the installed version of ftfy."""
    first, second = np.zeros(CODE_POINTS, np.uint64), np.zeros(CODE_POINTS, np.uint64)
    alone = np.zeros(CODE_POINTS, bool)
    bit = 0
    for sets in _alternatives(mojibake_pattern()):
        pairs = [pair for pair in _adjacent(sets) if not pair[0][:ASCII].any()]
        if pairs and bit < 64:
            a, b = min(pairs, key=lambda pair: np.count_nonzero(pair[0]) * np.count_nonzero(pair[1]))
            first[a] |= np.uint64(1 << bit)
            second[b] |= np.uint64(1 << bit)
            bit += 1
        else:
            alone |= _rarest(sets)
    return Suspicion(first, second, alone)


def _alternatives(pattern: re.Pattern[str]) -> Iterator[list[Set | None]]:
    """Yield for every alternative the characters that each position admits, None if the position is optional."""
    parsed = parsed_pattern(pattern)
    if len(parsed) != 1 or str(parsed[0][0]) != "BRANCH":
        raise ValueError(f"{pattern.pattern[:40]!r} is no list of alternatives")
    for alternative in parsed[0][1][1]:
        yield [_admitted(*position) for position in alternative]


def _admitted(kind: object, argument: Any) -> Set | None:  # noqa: ANN401 - one of several shapes, by the kind
    if str(kind) == "LITERAL":
        return _ranges([(argument, argument)])
    if str(kind) == "NOT_LITERAL":
        return ~_ranges([(argument, argument)])
    if str(kind) != "IN":
        return None
    negated = str(argument[0][0]) == "NEGATE"
    items = argument[1:] if negated else argument
    if any(str(item) not in {"LITERAL", "RANGE"} for item, _ in items):
        # a class such as \w: it may match any character
        return np.ones(CODE_POINTS, bool)
    characters = _ranges([value if str(item) == "RANGE" else (value, value) for item, value in items])
    return ~characters if negated else characters


def _ranges(ranges: Sequence[tuple[int, int]]) -> Set:
    characters = np.zeros(CODE_POINTS, bool)
    for low, high in ranges:
        characters[low : high + 1] = True
    return characters


def _adjacent(sets: Sequence[Set | None]) -> Iterator[tuple[Set, Set]]:
    for a, b in pairwise(sets):
        if a is not None and b is not None:
            yield a, b


def _rarest(sets: Sequence[Set | None]) -> Set:
    """Return the characters of the narrowest position without ASCII; every match contains one of them."""
    mandatory = [characters for characters in sets if characters is not None and not characters[:ASCII].any()]
    if not mandatory:
        raise ValueError("an alternative of the pattern matches ASCII alone")
    return min(mandatory, key=np.count_nonzero)
