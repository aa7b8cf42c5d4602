"""Declare how a filter judges its statistics. Conditions compile to DuckDB SQL, never to Python per row."""

from __future__ import annotations

import json
import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from dj_assets.operators.sql import Parameter, Sql, quoted

Columns = Mapping[str, str]

# The reasons why a value without a number is not kept.
NO_VALUE, NOT_A_NUMBER = "no value", "NaN, not a number"
# First characters of JSON, other than white space.
_JSON_STARTS = frozenset('"[{-0123456789tfnNI')


class Condition(ABC):
    """Decide which samples are kept. `columns` maps the key of a statistic to its column in the table `stats`."""

    @abstractmethod
    def keep(self, columns: Columns) -> Sql:
        """Return a boolean expression; false, null and NaN do not keep."""

    @abstractmethod
    def reason(self, columns: Columns) -> Sql:
        """Return a text expression with the reason why a sample was not kept."""

    @abstractmethod
    def value(self, columns: Columns) -> Sql:
        """Return a numeric expression: the value that was judged, null if it is not a number."""

    def ranges(self) -> tuple[Range, ...]:
        """Return all ranges of numbers that the condition tests."""
        return ()


@dataclass(frozen=True)
class Range(Condition):
    """Test `low <= statistic <= high`. NaN and null are outside of every range.

    `reversed` follows Data-Juicer: the closed flags are negated first, then the result, so that with the defaults the
    bounds themselves are kept. A bound of `None`, or of `sys.maxsize` and beyond, is no bound.
    """

    key: str
    low: float | None = None
    high: float | None = None
    low_name: str = "min"
    high_name: str = "max"
    low_closed: bool = True
    high_closed: bool = True
    reversed: bool = False

    def __post_init__(self) -> None:
        if self.high is not None and self.high >= sys.maxsize:
            object.__setattr__(self, "high", None)
        if self.low is not None and self.low <= -sys.maxsize:
            object.__setattr__(self, "low", None)

    def keep(self, columns: Columns) -> Sql:
        """Return the range test, guarded against NaN (`NaN >= 0.1` is true in DuckDB)."""
        column = quoted(columns[self.key])
        number = f"({column} IS NOT NULL AND NOT isnan({column}::DOUBLE))"
        above, below = self._tests(column)
        tests = [test.text for test in (above, below) if test]
        parameters = tuple(p for test in (above, below) if test for p in test.parameters)
        inside = " AND ".join(tests) or "TRUE"
        return Sql(f"({number} AND {'NOT ' if self.reversed else ''}({inside}))", parameters)

    def holds(self, number: float) -> bool:
        """Return whether a number is kept, as `keep` tests it.

        Examples
        --------
        >>> Range("score", 0.5, 1.0).holds(0.5), Range("score", 0.5, low_closed=False).holds(0.5)
        (True, False)
        """
        if math.isnan(number):
            return False
        low, high = self.low_closed != self.reversed, self.high_closed != self.reversed
        above = self.low is None or number > self.low or (low and number == self.low)
        below = self.high is None or number < self.high or (high and number == self.high)
        return (above and below) != self.reversed

    def reason(self, columns: Columns) -> Sql:
        """Return "below min_ratio 0.65" or "above max_ratio 0.9" (or "inside …" for a reversed range).

        For a value that is no number it is "no value" or "NaN, not a number".
        """
        column = quoted(columns[self.key])
        outside = self._side(column)
        text = f"CASE WHEN {column} IS NULL THEN ? WHEN isnan({column}::DOUBLE) THEN ? ELSE {outside.text} END"
        return Sql(text, (NO_VALUE, NOT_A_NUMBER, *outside.parameters))

    def _side(self, column: str) -> Sql:
        """Return the reason why a number was not kept."""
        if self.reversed:
            return Sql("?", (f"inside {self.low_name} {self.low} .. {self.high_name} {self.high}",))
        above, _ = self._tests(column)
        if above is None:
            return Sql("?", (f"above {self.high_name} {self.high}",))
        low, high = f"below {self.low_name} {self.low}", f"above {self.high_name} {self.high}"
        return Sql(f"(CASE WHEN {above.text} THEN ? ELSE ? END)", (*above.parameters, high, low))

    def ranges(self) -> tuple[Range, ...]:
        """Return the range itself."""
        return (self,)

    @property
    def fault(self) -> tuple[str, str] | None:
        """Return the name of a bound that no value can satisfy, and what is wrong with it; None if both are right."""
        for name, bound in ((self.low_name, self.low), (self.high_name, self.high)):
            if bound is not None and math.isnan(bound):
                return name, "is NaN, which is no bound"
        if self.low is not None and self.high is not None and self.low > self.high:
            return self.low_name, f"is {self.low}, above {self.high_name} {self.high}"
        return None

    def value(self, columns: Columns) -> Sql:
        """Return the statistic as a double."""
        return Sql(f"{quoted(columns[self.key])}::DOUBLE")

    def _tests(self, column: str) -> tuple[Sql | None, Sql | None]:
        low_closed, high_closed = self.low_closed != self.reversed, self.high_closed != self.reversed
        above = None if self.low is None else Sql(f"{column} {'>=' if low_closed else '>'} ?", (self.low,))
        below = None if self.high is None else Sql(f"{column} {'<=' if high_closed else '<'} ?", (self.high,))
        return above, below


@dataclass(frozen=True)
class OneOf(Condition):
    """Test that the statistic, a text, is one of `values`, or none with `reversed`; any text if `values` is empty."""

    key: str
    values: tuple[str, ...]
    reversed: bool = False

    def keep(self, columns: Columns) -> Sql:
        """Return the membership test."""
        column = quoted(columns[self.key])
        if not self.values:
            return Sql(f"({column} IS NOT NULL)")
        marks = ", ".join("?" for _ in self.values)
        return Sql(f"coalesce({column} {'NOT ' if self.reversed else ''}IN ({marks}), FALSE)", self.values)

    def reason(self, columns: Columns) -> Sql:
        """Return "lang is fr, not one of en, zh"."""
        among = f", {'' if self.reversed else 'not '}one of {', '.join(self.values)}"
        return Sql(f"? || coalesce({quoted(columns[self.key])}, 'unknown') || ?", (f"{self.key} is ", among))

    def value(self, columns: Columns) -> Sql:  # noqa: ARG002
        """Return null: a text has no numeric value."""
        return Sql("NULL::DOUBLE")


def as_text(value: object) -> str:
    """Return a value as a unique text: JSON, or the string itself unless it is valid JSON."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, str) or _is_json(value):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=str)
    return value


def _is_json(text: str) -> bool:
    if text[:1] not in _JSON_STARTS:
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class AllAmong(Condition):
    """Test that the statistic, a value as text (`as_text`), is among `values`; of a list, every element.

    `reversed` negates the result. Without `values` everything is kept.
    """

    key: str
    values: tuple[object, ...]
    reversed: bool = False

    def keep(self, columns: Columns) -> Sql:
        """Return the membership test; an empty list passes."""
        column = quoted(columns[self.key])
        if not self.values:
            return Sql(f"({column} IS NOT NULL)")
        texts = tuple({as_text(value): None for value in self.values})
        elements = tuple({_element(value): None for value in self.values})
        single = f"{column} IN ({', '.join('?' for _ in texts)})"
        allowed = f"[{', '.join('?' for _ in elements)}]::VARCHAR[]"
        every = f"list_has_all({allowed}, from_json({column}, '[\"JSON\"]')::VARCHAR[])"
        # A text that starts with "[" but is not a list is stored in quotes.
        test = f"CASE WHEN {column}[1] = '[' AND json_valid({column}) THEN {every} ELSE {single} END"
        return Sql(f"({column} IS NOT NULL AND {'NOT ' if self.reversed else ''}({test}))", (*elements, *texts))

    def reason(self, columns: Columns) -> Sql:
        """Return "meta.source is web, not among book, paper"."""
        among = f", {'' if self.reversed else 'not '}among {', '.join(map(as_text, self.values))}"
        return Sql(f"? || coalesce({quoted(columns[self.key])}, 'unknown') || ?", (f"{self.key} is ", among))

    def value(self, columns: Columns) -> Sql:
        """Return the value as a double if it is a number, else null."""
        return Sql(f"TRY_CAST({quoted(columns[self.key])} AS DOUBLE)")


def _element(value: object) -> str:
    """Return a value in the form of an element of a JSON list."""
    text = as_text(value)
    return json.dumps(text, ensure_ascii=False) if isinstance(value, str) and text == value else text


@dataclass(frozen=True)
class EachInRange(Condition):
    """Test that `any` or `all` numbers of a list are in a range; `empty` is the result for an empty list."""

    elements: Range
    quantifier: str = "all"
    empty: bool = False

    def ranges(self) -> tuple[Range, ...]:
        """Return the range of the elements."""
        return (self.elements,)

    def keep(self, columns: Columns) -> Sql:
        """Return the test that all elements pass, or that one of them does."""
        column = quoted(columns[self.elements.key])
        test = self.elements.keep({self.elements.key: "x"})
        passing = f"len(list_filter({column}, lambda x: {test.text}))"
        return Sql(enough_pass(column, passing, self.quantifier, empty=self.empty), test.parameters)

    def reason(self, columns: Columns) -> Sql:  # noqa: ARG002
        """Return "not all: min_dependency_num 2"."""
        missing = "not all" if self.quantifier == "all" else "none"
        return Sql("?", (f"{missing} in the range: {in_words(self.elements)}",))

    def value(self, columns: Columns) -> Sql:
        """Return the element that decides: the least for `all`, the greatest for `any`.

        If the range has an upper bound only, it is the other way round.
        """
        least = (self.quantifier == "all") == (self.elements.low is not None)
        which = "list_min" if least else "list_max"
        return Sql(f"{which}({quoted(columns[self.elements.key])})::DOUBLE")


@dataclass(frozen=True)
class EachInRanges(Condition):
    """Test that `any` or `all` positions of two equally long lists are in both ranges; empty lists pass."""

    first: Range
    second: Range
    quantifier: str = "any"

    def ranges(self) -> tuple[Range, ...]:
        """Return the ranges of both lists."""
        return (self.first, self.second)

    def keep(self, columns: Columns) -> Sql:
        """Return the test that all pairs pass, or that one of them does."""
        parts = (self.first, self.second)
        tests = [part.keep({part.key: "x"}) for part in parts]
        names = [quoted(columns[part.key]) for part in parts]
        each = [f"list_transform({n}, lambda x: {test.text})" for n, test in zip(names, tests, strict=True)]
        passing = f"len(list_filter(list_zip({', '.join(each)}), lambda pair: pair[1] AND pair[2]))"
        enough = enough_pass(names[0], passing, self.quantifier, empty=True)
        return Sql(enough, tuple(p for test in tests for p in test.parameters))

    def reason(self, columns: Columns) -> Sql:  # noqa: ARG002
        """Return "none in the ranges: min_width 1, max_width 727, min_height 1, max_height 606"."""
        missing = "not all" if self.quantifier == "all" else "none"
        return Sql("?", (f"{missing} in the ranges: {in_words(self.first)}, {in_words(self.second)}",))

    def value(self, columns: Columns) -> Sql:
        """Return the deciding element of the first list if its range alone does not keep, else of the second."""
        parts = [EachInRange(part, self.quantifier, empty=True) for part in (self.first, self.second)]
        first = parts[0].keep(columns)
        values = [part.value(columns).text for part in parts]
        return Sql(f"CASE WHEN {first.text} THEN {values[1]} ELSE {values[0]} END", first.parameters)


def enough_pass(column: str, passing: str, quantifier: str, *, empty: bool) -> str:
    """Return SQL that tests if enough elements of a list pass; `empty` is the result of an empty list. Null fails."""
    count = f"len({column})" if quantifier == "all" else "1"
    return f"(CASE len({column}) WHEN 0 THEN {empty} ELSE coalesce({passing} >= {count}, FALSE) END)"


def in_words(range_: Range) -> str:
    """Return the bounds of a range as text, without missing bounds: "min_ratio 0.333, max_ratio 3.0"."""
    bounds = ((range_.low_name, range_.low), (range_.high_name, range_.high))
    stated = ", ".join(f"{name} {bound}" for name, bound in bounds if bound is not None)
    return f"not {stated}" if range_.reversed else stated


@dataclass(frozen=True)
class Either(Condition):
    """Test that some part keeps. Reason and value are those of the first part."""

    parts: tuple[Condition, ...]

    def ranges(self) -> tuple[Range, ...]:
        """Return the ranges of all parts."""
        return tuple(found for part in self.parts for found in part.ranges())

    def keep(self, columns: Columns) -> Sql:
        """Return the disjunction of the parts; a part without a value does not keep."""
        tests = [part.keep(columns) for part in self.parts]
        text = " OR ".join(f"coalesce({test.text}, FALSE)" for test in tests)
        return Sql(f"({text})", tuple(parameter for test in tests for parameter in test.parameters))

    def reason(self, columns: Columns) -> Sql:
        """Return the reason of the first part."""
        return self.parts[0].reason(columns)

    def value(self, columns: Columns) -> Sql:
        """Return the value of the first part."""
        return self.parts[0].value(columns)


@dataclass(frozen=True)
class All(Condition):
    """Test that every part keeps. Reason and value are those of the first part that does not."""

    parts: tuple[Condition, ...]

    def ranges(self) -> tuple[Range, ...]:
        """Return the ranges of all parts."""
        return tuple(found for part in self.parts for found in part.ranges())

    def keep(self, columns: Columns) -> Sql:
        """Return the conjunction of the parts."""
        tests = [part.keep(columns) for part in self.parts]
        return Sql("(" + " AND ".join(t.text for t in tests) + ")", tuple(p for t in tests for p in t.parameters))

    def reason(self, columns: Columns) -> Sql:
        """Return the reason of the first part that fails."""
        return self._first(columns, "reason")

    def value(self, columns: Columns) -> Sql:
        """Return the value of the first part that fails."""
        return self._first(columns, "value")

    def _first(self, columns: Columns, what: str) -> Sql:
        texts: list[str] = []
        parameters: list[Parameter] = []
        for part in self.parts:
            test, result = part.keep(columns), getattr(part, what)(columns)
            texts.append(f"WHEN NOT {test.text} THEN {result.text}")
            parameters += [*test.parameters, *result.parameters]
        return Sql(f"CASE {' '.join(texts)} END", tuple(parameters))


@dataclass(frozen=True)
class AnyOf(All):
    """Test that at least one part keeps. The value is that of the last part.

    The reason is `reason_text`, followed by the text in the column `named`, if there is one.
    """

    reason_text: str = ""
    named: str = ""

    def keep(self, columns: Columns) -> Sql:
        """Return the disjunction of the parts."""
        tests = [part.keep(columns) for part in self.parts]
        return Sql("(" + " OR ".join(t.text for t in tests) + ")", tuple(p for t in tests for p in t.parameters))

    def reason(self, columns: Columns) -> Sql:
        """Return the text, with the name that the sample has in its column; "no value" if it has none."""
        if not self.named:
            return Sql("?", (self.reason_text,))
        column = quoted(columns[self.named])
        return Sql(f"CASE WHEN {column} IS NULL THEN ? ELSE ? || {column} END", (NO_VALUE, self.reason_text))

    def value(self, columns: Columns) -> Sql:
        """Return the value of the last part."""
        return self.parts[-1].value(columns)
