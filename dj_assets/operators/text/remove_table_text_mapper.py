"""Remove tables written as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

import pyarrow.compute as pc
from pydantic import Field, model_validator

from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.substitution import compiled, rewrite
from dj_assets.operators.registry import register

CELLS = r"\S++(?:[ \t]\S++)*+"


class Row(NamedTuple):
    """Hold a line with the line feeds after it, and its possible numbers of separators (empty: not a row)."""

    text: str
    separators: range


@register("remove_table_text_mapper")
class RemoveTableTextMapper(Mapper):
    """Remove tables: two or more consecutive lines with the same number of cells.

    Cells are separated by exactly one space, tab or `|`; a `|` may also be part of a cell. Tables with `min_col`
    columns are removed first, then those with one more, up to `max_col`. The first line of a text is never part of a
    table, and neither is a last line without a line feed. Lines of prose with the same number of words count as a
    table, as in Data-Juicer.
    """

    min_col: int = Field(default=2, ge=2, le=20)
    max_col: int = Field(default=20, ge=2, le=20)

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if self.min_col > self.max_col:
            raise ValueError(f"min_col ({self.min_col}) must not be greater than max_col ({self.max_col})")
        return self

    def apply(self, batch: Batch) -> Batch:
        """Return the batch without tables."""
        return rewrite(batch, pc.match_substring_regex(batch.text, r"\n[^\n]+\n+[^\n]+\n"), self._without_tables)

    def _without_tables(self, text: str) -> str:
        first, *rows = (_row(line) for line in compiled(r"[^\n]*+\n*+", 0).findall(text))
        most = max((row.separators.stop for row in rows), default=0)
        for separators in range(self.min_col - 1, min(self.max_col, most)):
            rows = list(_outside_of_tables(rows, separators))
        return first.text + "".join(row.text for row in rows)


def _row(line: str) -> Row:
    """Find the separators of a line: every white space is one, a `|` inside of a cell may be one."""
    cells = line.rstrip("\n")
    if cells == line or not compiled(CELLS, 0).fullmatch(cells):
        return Row(line, range(0))
    blanks = cells.count(" ") + cells.count("\t")
    # no cell is empty: a bar is matched together with the first character of the next cell
    bars = len(compiled(r"(?<=\S)\|\S", 0).findall(cells))
    return Row(line, range(blanks, blanks + bars + 1))


def _outside_of_tables(rows: Sequence[Row], separators: int) -> Iterator[Row]:
    """Yield the rows that are not in a run of two or more rows with `separators` separators."""
    alone: Row | None = None
    run = 0
    for row in rows:
        if separators in row.separators:
            run += 1
            alone = row if run == 1 else None
            continue
        if alone:
            yield alone
        alone, run = None, 0
        yield row
    if alone:
        yield alone
