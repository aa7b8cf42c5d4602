"""Declare how a filter judges several lists of statistics together."""

from __future__ import annotations

from dataclasses import dataclass

from dj_assets.operators.conditions import Columns, Condition, EachInRange, Range, enough_pass, in_words
from dj_assets.operators.sql import Sql, quoted


@dataclass(frozen=True)
class EachInSomeRange(Condition):
    """Test that `any` or `all` positions of equally long lists are in at least one of the ranges; empty lists pass.

    With `every`, a position must be in all ranges. Value and range are those of the first list.
    """

    parts: tuple[Range, ...]
    quantifier: str = "all"
    every: bool = False

    def ranges(self) -> tuple[Range, ...]:
        """Return the range of the first list."""
        return self.parts[:1]

    def keep(self, columns: Columns) -> Sql:
        """Return the test that all positions pass, or that one of them does."""
        tests = [part.keep({part.key: "x"}) for part in self.parts]
        names = [quoted(columns[part.key]) for part in self.parts]
        each = [f"list_transform({n}, lambda x: {test.text})" for n, test in zip(names, tests, strict=True)]
        joiner = " AND " if self.every else " OR "
        passed = joiner.join(f"position[{number}]" for number in range(1, len(tests) + 1))
        passing = f"len(list_filter(list_zip({', '.join(each)}), lambda position: {passed}))"
        enough = enough_pass(names[0], passing, self.quantifier, empty=True)
        return Sql(enough, tuple(p for test in tests for p in test.parameters))

    def reason(self, columns: Columns) -> Sql:  # noqa: ARG002
        """Return "not all: below 0.5, or below 3"."""
        missing = "not all" if self.quantifier == "all" else "none"
        joiner = ", " if self.every else " or "
        return Sql("?", (f"{missing} in the ranges: {joiner.join(map(in_words, self.parts))}",))

    def value(self, columns: Columns) -> Sql:
        """Return the deciding element of the first list."""
        return EachInRange(self.parts[0], self.quantifier).value(columns)
