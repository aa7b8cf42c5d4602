"""Align the tokens of two captions, for the control of attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt


def aligned(first: Sequence[int], second: Sequence[int]) -> list[int | None]:
    """Return for each token of the second caption its partner in the first one, None for a token without one.

    The alignment is global: a match counts 1, a mismatch -1, a gap 0 (Needleman and Wunsch 1970). A mismatch is never
    better than two gaps, so partners are equal tokens.

    Examples
    --------
    >>> aligned([0, 5, 6, 9], [0, 5, 7, 8, 9])
    [0, 1, None, None, 3]
    """
    matches = np.zeros((len(first) + 1, len(second) + 1), np.int64)
    for row, one in enumerate(first):
        for column, other in enumerate(second):
            both = matches[row, column] + 1 if one == other else 0
            matches[row + 1, column + 1] = max(both, matches[row, column + 1], matches[row + 1, column])
    partners: list[int | None] = [None] * len(second)
    row, column = len(first), len(second)
    while row and column:
        if first[row - 1] == second[column - 1] and matches[row, column] == matches[row - 1, column - 1] + 1:
            row, column = row - 1, column - 1
            partners[column] = row
        elif matches[row, column] == matches[row - 1, column]:
            row -= 1
        else:
            column -= 1
    return partners


def mapping(
    first: Sequence[int], second: Sequence[int], length: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return for each of `length` positions its partner in the first caption, and 1 if the partner's map is used.

    Positions after the captions map to themselves. A token without a partner keeps its own map.
    """
    partners = aligned(first[:length], second[:length])
    of_tokens = [index if partner is None else partner for index, partner in enumerate(partners)]
    places = np.array([*of_tokens, *range(len(of_tokens), length)], np.int64)
    used = np.array([partner is not None for partner in partners] + [True] * (length - len(partners)), np.float32)
    return places, used


def shares(tokens: Sequence[int], words: Mapping[tuple[int, ...], float], usual: float, length: int) -> list[float]:
    """Return for each position the share of steps with the partner's map; `words` has other shares for some tokens."""
    found = [usual] * length
    for word, share in words.items():
        for start in range(len(tokens) - len(word) + 1):
            if tuple(tokens[start : start + len(word)]) == word:
                for place in range(start, min(start + len(word), length)):
                    found[place] = share
    return found
