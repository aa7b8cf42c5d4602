"""Duplicates beside the twins that were kept: what the one says and the other does not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from dj_assets.report.differences import Changes, changes_between
from dj_assets.storage.database import reading
from dj_assets.storage.layout import Layout

# Far more than `changes_between` compares.
_MOST_CHARACTERS = 60_000


@dataclass(frozen=True)
class Twins:
    """A dropped duplicate and the sample that was kept in its place, or that stands in the reference set `against`.

    `changes` lead from the kept text to the dropped one, both as cleaned; `beginning` is that of the kept text. The
    `distance` is the deduplicator's, None where it has none.
    """

    operator: str
    id: str
    kept_id: str
    cluster_size: int
    distance: float | None
    against: str | None
    beginning: str
    changes: Changes

    @property
    def same(self) -> bool:
        """Whether both have the same text."""
        return not self.changes.shown and not self.changes.beyond


def twins(database: Path, layout: Layout, per_operator: int = 3, places: int = 4, width: int = 160) -> list[Twins]:
    """Return pairs of each deduplicator: those farthest apart, the closest that differ, and what is between.

    `places` of their differences are shown, and `width` characters of the kept text. The same run always gives the same
    pairs; without the measured texts there are none.
    """
    with reading(database) as connection:
        found = connection.execute(_PICKED.format(pairs=duplicates_query(connection)), [per_operator]).fetchall()
    return [pair for row in found if (pair := _twins(layout, row, places, width))]


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
WHERE number % greatest(1, many // $1) = 0 AND number // greatest(1, many // $1) < $1 ORDER BY operator, number
"""


def duplicates_query(connection: duckdb.DuckDBPyConnection) -> str:
    """Return a query for the table `duplicates`; what an output from before a column was kept lacks is null."""
    columns = {row[0] for row in connection.execute("DESCRIBE duplicates").fetchall()}
    named = [name if name in columns else f"NULL::{kind} AS {name}" for name, kind in _COLUMNS.items()]
    return f"SELECT {', '.join(named)} FROM duplicates"  # noqa: S608 - names of ours


def _twins(layout: Layout, row: tuple[object, ...], places: int, width: int) -> Twins | None:
    operator, shard, number, name, kept_shard, kept_number, kept_name, size, distance, against = row
    own = cleaned_text(layout, shard, number)
    kept = cleaned_text(layout if against is None else layout.against, kept_shard, kept_number)
    if own is None or kept is None:
        return None
    beginning = " ".join(kept[: 8 * width].split())[:width]
    changes = changes_between(kept, own, places)
    return Twins(operator, name, kept_name, size, distance, against, beginning, changes)  # type: ignore[arg-type]


def cleaned_text(layout: Layout, shard: object, row: object) -> str | None:
    """Return the cleaned text of a sample; None where the measured files are gone."""
    path = layout.measured("cleaned", int(str(shard)))
    if not path.exists():
        return None
    with duckdb.connect(config={"threads": 1}) as connection:
        query = f"SELECT left(text, {_MOST_CHARACTERS}) FROM read_parquet(?) WHERE row = ?"  # noqa: S608 - a number
        found = connection.execute(query, [str(path), row]).fetchone()
    return str(found[0]) if found else None
