"""The agreement of two judges who said yes or no about the same things."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Hold how often both judges said yes, one of them, or none.

    Examples
    --------
    >>> agreement = Agreement(both=45, first=15, second=15, none=25)
    >>> agreement.number, agreement.share, round(agreement.kappa, 3)
    (100, 0.7, 0.375)
    >>> Agreement(both=9).kappa is None
    True
    """

    both: int = 0
    first: int = 0
    second: int = 0
    none: int = 0

    @classmethod
    def of(cls, pairs: Iterable[tuple[bool, bool]], **more: object) -> Self:
        """Return the agreement of pairs of judgements; `more` are the other fields of a subclass."""
        counts = Counter(pairs)
        both, first, second, none = (
            counts[pair] for pair in ((True, True), (True, False), (False, True), (False, False))
        )
        return cls(both=both, first=first, second=second, none=none, **more)

    @property
    def number(self) -> int:
        """Return how many things both judged."""
        return self.both + self.first + self.second + self.none

    @property
    def share(self) -> float:
        """Return the share of things with the same judgement."""
        return (self.both + self.none) / self.number if self.number else 0.0

    @property
    def kappa(self) -> float | None:
        """Return Cohen's kappa, which is 0 for the agreement of chance and 1 for full agreement.

        It is None if both judges gave one and the same judgement to everything.
        """
        total = self.number
        yes = (self.both + self.first) * (self.both + self.second)
        no = (self.second + self.none) * (self.first + self.none)
        by_chance = (yes + no) / total**2 if total else 1.0
        return None if by_chance == 1 else (self.share - by_chance) / (1 - by_chance)
