"""Pairs of a dropped duplicate and its kept duplicate, with the differences of their texts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import duckdb

from dj_assets.analysis.differences import TextChanges, changes_between
from dj_assets.home.layout import Layout
from dj_assets.operators.sql import Sql, bound, joined
from dj_assets.publish.database import SamplePosition, reading

# Many more characters than `changes_between` compares.
_MOST_CHARACTERS = 60_000


@dataclass(frozen=True)
class DuplicatePair:
    """A dropped duplicate and its kept duplicate; this may be in the file `against` of the reference set.

    `changes` lead from the kept text to the dropped one, both cleaned; `beginning` is the beginning of the kept text.
    `distance` is the distance that the deduplicator measured, None where it measures none.
    """

    operator: str
    id: str
    kept_id: str
    cluster_size: int
    distance: float | None
    against: str | None
    beginning: str
    changes: TextChanges

    @property
    def same(self) -> bool:
        """Return whether both have the same text."""
        return not self.changes.shown and not self.changes.beyond


def duplicate_pairs(
    database: Path, layout: Layout, per_operator: int = 3, places: int = 4, width: int = 160
) -> list[DuplicatePair]:
    """Return pairs of each deduplicator, spread evenly from the greatest to the smallest distance.

    A pair holds at most `places` differences, and `width` characters of the kept text. The same run always gives the
    same pairs; without the measured texts there are none.
    """
    with reading(database) as connection:
        query = Sql.of(_PICKED, pairs=duplicates_query(connection), most=per_operator)
        records = query.execute(connection).fetchall()
    rows = [_Row(*row) for row in records]
    texts = _texts(layout, {row.position for row in rows} | {row.kept_position for row in rows if row.against is None})
    theirs = _texts(layout.against, {row.kept_position for row in rows if row.against is not None})
    return [
        _pair(row, texts[row.position], kept[row.kept_position], places, width)
        for row in rows
        for kept in [texts if row.against is None else theirs]
        if row.position in texts and row.kept_position in kept
    ]


_COLUMNS = {
    "operator": "VARCHAR",
    "shard": "INTEGER",
    "row": "BIGINT",
    "id": "VARCHAR",
    "kept_shard": "INTEGER",
    "kept_row": "BIGINT",
    "kept_id": "VARCHAR",
    "cluster_size": "INTEGER",
    "distance": "DOUBLE",
    "against": "VARCHAR",
}
_PICKED = """
WITH pairs AS ({pairs}),
numbered AS (
    SELECT *, row_number() OVER (PARTITION BY operator ORDER BY distance DESC NULLS LAST, shard, row) - 1 AS number,
           count(*) OVER (PARTITION BY operator) AS many
    FROM pairs
)
SELECT operator, shard, row, id, kept_shard, kept_row, kept_id, cluster_size, distance, against FROM numbered
WHERE number % greatest(1, many // {most}) = 0 AND number // greatest(1, many // {most}) < {most}
ORDER BY operator, number
"""


def duplicates_query(connection: duckdb.DuckDBPyConnection) -> Sql:
    """Return a query for the table `duplicates`; columns that an earlier version did not write are null."""
    columns = {row[0] for row in connection.execute("DESCRIBE duplicates").fetchall()}
    named = [Sql(name if name in columns else f"NULL::{kind} AS {name}") for name, kind in _COLUMNS.items()]
    return Sql.of("SELECT {named} FROM duplicates", named=joined(", ", named))


class _Row(NamedTuple):
    """A row of the table `duplicates`."""

    operator: str
    shard: int
    row: int
    id: str
    kept_shard: int
    kept_row: int
    kept_id: str
    cluster_size: int
    distance: float | None
    against: str | None

    @property
    def position(self) -> SamplePosition:
        return self.shard, self.row

    @property
    def kept_position(self) -> SamplePosition:
        return self.kept_shard, self.kept_row


def _pair(row: _Row, dropped: str, kept: str, places: int, width: int) -> DuplicatePair:
    beginning = " ".join(kept[: 8 * width].split())[:width]
    changes = changes_between(kept, dropped, places)
    return DuplicatePair(
        row.operator, row.id, row.kept_id, row.cluster_size, row.distance, row.against, beginning, changes
    )


def _texts(layout: Layout, positions: Iterable[SamplePosition]) -> dict[SamplePosition, str]:
    """Return the cleaned texts of samples, reading each file once; where the measured file is gone there are none."""
    rows_by_shard: defaultdict[int, list[int]] = defaultdict(list)
    for shard, row in sorted(positions):
        rows_by_shard[shard].append(row)
    texts = {}
    for shard, rows in rows_by_shard.items():
        path = layout.fetched("cleaned", shard)
        if path.exists():
            query = "SELECT row, left(text, {most}) FROM read_parquet({path}) WHERE row IN ({rows})"
            with duckdb.connect(config={"threads": 1}) as connection:
                text = Sql.of(query, most=_MOST_CHARACTERS, path=str(path), rows=bound(rows))
                records = text.execute(connection).fetchall()
            texts.update({(shard, row): text for row, text in records})
    return texts
