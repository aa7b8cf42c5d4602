"""Examples of dropped samples: a few for every operator, spread over the samples that it dropped, with their texts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import duckdb

from dj_assets import settings
from dj_assets.home.layout import Layout
from dj_assets.operators.sql import Sql, bound
from dj_assets.publish.database import SamplePosition, reading
from dj_assets.recipe.plan import Plan

LOAD = "load"
# White space collapses, so an excerpt reads more of the text than it shows.
_READ_TIMES = 8


@dataclass(frozen=True)
class Example:
    """A sample that was dropped or quarantined, with the reason.

    `excerpt` is the beginning of its cleaned text with white space collapsed; empty if the sample was never loaded.
    `value` is the number that was judged, None where there is none. For a duplicate, `kept_id` and `kept_excerpt` are
    of the kept duplicate, which may be in the reference set, and `distance` is the distance that the deduplicator
    measured. The reason of a `quarantined` sample is the error.
    """

    operator: str
    id: str
    reason: str
    value: float | None
    excerpt: str
    kept_id: str | None = None
    kept_excerpt: str | None = None
    distance: float | None = None
    quarantined: bool = False


def dropped_examples(
    database: Path, layout: Layout, plan: Plan, per_operator: int = 3, width: int = 160
) -> list[Example]:
    """Return up to `per_operator` dropped and as many quarantined samples of each operator, in recipe order.

    They are spread evenly over the samples that the operator dropped, ordered by the judged value from the least to
    the greatest; without a value, by their position in the source. The same run always gives the same examples.
    Excerpts have at most `width` characters; only the row groups of measured files that hold an example are read.
    """
    with reading(database) as connection:
        records = connection.execute(_PICKED, {"most": per_operator}).fetchall()
    rows = [_Picked(*row) for row in records]
    order = {LOAD: -1, **{step.label: step.index for step in plan.steps}}
    rows.sort(key=lambda row: (order.get(row.operator, len(order)), row.quarantined))
    positions = {position for row in rows for position in (row.position, row.kept_in_subset) if position is not None}
    theirs = {row.kept_in_reference for row in rows if row.kept_in_reference is not None}
    texts = excerpts(layout, positions, width), excerpts(layout.against, theirs, width)
    return [_example(row, *texts) for row in rows]


@dataclass(frozen=True)
class _Picked:
    operator: str
    shard: int
    row: int
    id: str
    reason: str
    value: float | None
    kept_shard: int | None
    kept_row: int | None
    kept_id: str | None
    distance: float | None
    against: str | None
    quarantined: bool

    @property
    def position(self) -> SamplePosition:
        return self.shard, self.row

    @property
    def kept_in_subset(self) -> SamplePosition | None:
        return self._kept if self.against is None else None

    @property
    def kept_in_reference(self) -> SamplePosition | None:
        return None if self.against is None else self._kept

    @property
    def _kept(self) -> SamplePosition | None:
        return None if self.kept_shard is None or self.kept_row is None else (self.kept_shard, self.kept_row)


# A row is picked where its number times (most - 1) passes a multiple of (rows - 1): the first, the last, and rows at
# even distances between them.
_PICKED = """
WITH gone AS (
    SELECT operator, shard, row, id, reason, value, FALSE AS quarantined FROM dropped
    UNION ALL SELECT operator, shard, row, id, error, NULL, TRUE FROM quarantine
), numbered AS (
    SELECT *,
           row_number() OVER (PARTITION BY operator, quarantined ORDER BY value NULLS LAST, shard, row) - 1 AS number,
           count(*) OVER (PARTITION BY operator, quarantined) - 1 AS last
    FROM gone
)
SELECT numbered.operator, shard, row, numbered.id, reason, value, kept_shard, kept_row, kept_id, distance, against,
       quarantined
FROM numbered LEFT JOIN duplicates USING (operator, shard, row)
WHERE $most > 0 AND (number = 0 OR number * ($most - 1) // last > (number - 1) * ($most - 1) // last)
ORDER BY numbered.operator, quarantined, number
"""


def _example(
    row: _Picked, texts: Mapping[SamplePosition, str], reference_texts: Mapping[SamplePosition, str]
) -> Example:
    kept = (row.kept_in_subset, texts), (row.kept_in_reference, reference_texts)
    return Example(
        operator=row.operator,
        id=row.id,
        reason=row.reason,
        value=row.value,
        excerpt=texts.get(row.position, ""),
        kept_id=row.kept_id,
        kept_excerpt=next((excerpts.get(position, "") for position, excerpts in kept if position is not None), None),
        distance=row.distance,
        quarantined=row.quarantined,
    )


def excerpts(layout: Layout, positions: Iterable[SamplePosition], width: int) -> dict[SamplePosition, str]:
    """Return the beginnings of cleaned texts by position (shard, row); samples that were never loaded have none."""
    rows_by_shard: defaultdict[int, list[int]] = defaultdict(list)
    for shard, row in sorted(positions):
        rows_by_shard[shard].append(row)
    with duckdb.connect(config={"threads": 1}) as connection, ThreadPoolExecutor(settings.default_workers()) as threads:

        def of(shard: int) -> dict[SamplePosition, str]:
            with connection.cursor() as cursor:
                texts = _shard_texts(cursor, layout.fetched("cleaned", shard), rows_by_shard[shard], width)
            return {(shard, row): excerpt for row, excerpt in texts}

        return {position: text for found in threads.map(of, rows_by_shard) for position, text in found.items()}


def _shard_texts(
    connection: duckdb.DuckDBPyConnection, path: Path, rows: list[int], width: int
) -> list[tuple[int, str]]:
    if not path.exists():
        return []
    # DuckDB skips the row groups that hold none of the rows
    query = "SELECT row, left(text, {most}) FROM read_parquet({path}) WHERE row IN ({rows})"
    text = Sql.of(query, most=width * _READ_TIMES, path=str(path), rows=bound(rows))
    records = text.execute(connection).fetchall()
    return [(row, _excerpt(text, width)) for row, text in records]


def _excerpt(text: str, width: int) -> str:
    collapsed = " ".join(text.split())
    return collapsed if len(collapsed) <= width else collapsed[: width - 1] + "…"
