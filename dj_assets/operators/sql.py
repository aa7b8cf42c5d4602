"""Compose SQL from pieces: identifiers are quoted, values are bound, in the order of their question marks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from string import Formatter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

Parameter = int | float | str | list[float] | list[int] | list[str]


@dataclass(frozen=True)
class Sql:
    """Hold a piece of SQL with its bound parameters, in the order of its question marks."""

    text: str
    parameters: tuple[Parameter, ...] = ()

    @classmethod
    def of(cls, template: str, /, **parts: Sql | Parameter) -> Sql:
        """Fill the names in braces of a template: other pieces of SQL stand there as they are, values are bound.

        Examples
        --------
        >>> from dj_assets.operators.sql import Sql
        >>> Sql.of("SELECT id FROM ({rows}) WHERE row = {row}", rows=Sql("FROM stats WHERE shard = ?", (2,)), row=7)
        Sql(text='SELECT id FROM (FROM stats WHERE shard = ?) WHERE row = ?', parameters=(2, 7))
        """
        pieces = []
        for literal, name, _, _ in Formatter().parse(template):
            pieces.append(cls(literal))
            if name is not None:
                part = parts[name]
                pieces.append(part if isinstance(part, Sql) else cls("?", (part,)))
        return joined("", pieces)

    def execute(self, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
        """Execute a whole query with its parameters; return the connection, which has the result."""
        return connection.execute(self.text, list(self.parameters))


def joined(separator: str, pieces: Iterable[Sql]) -> Sql:
    """Join pieces of SQL, with their parameters in the same order."""
    pieces = list(pieces)
    text = separator.join(piece.text for piece in pieces)
    return Sql(text, tuple(value for piece in pieces for value in piece.parameters))


def in_order(queries: Iterable[Sql]) -> Sql:
    """Return one query for the rows of several, ordered by their column `place`."""
    return Sql.of("{queries} ORDER BY place", queries=joined(" UNION ALL ", queries))


def bound(values: Iterable[Parameter]) -> Sql:
    """Return values as a list of bound parameters, such as `IN` takes."""
    return joined(", ", [Sql("?", (value,)) for value in values])


def quoted(name: str) -> str:
    """Return a column name quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literals(texts: Iterable[str]) -> Sql:
    """Return texts as a list in the query itself: a view cannot have parameters."""
    return Sql("[" + ", ".join("'" + text.replace("'", "''") + "'" for text in texts) + "]")
