"""The samples on the contact sheet of every operator that reads media, and their small pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import duckdb
import numpy as np
import pyarrow as pa

from dj_assets.home.layout import Layout
from dj_assets.home.run_manifest import RunManifest
from dj_assets.media.access import MediaAccess
from dj_assets.media.reader import MediaReader
from dj_assets.media.thumbnails import ClipThumbnail, ImageThumbnail
from dj_assets.operators.base import Filter, Operator
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.operators.sql import Sql, bound
from dj_assets.operators.views.media_batch import media
from dj_assets.publish.database import SamplePosition, reading
from dj_assets.recipe.plan import Plan, Step
from dj_assets.stores.media_reader import StoreReader
from dj_assets.stores.path import source_path

# Rows are numbered by value; one is picked where its number times (most - 1) passes a multiple of (rows - 1).
_SPREAD = """
WITH numbered AS (
    SELECT *, row_number() OVER (ORDER BY value NULLS LAST, shard, row) - 1 AS number, count(*) OVER () - 1 AS last
    FROM ({chosen})
)
SELECT shard, row, id, value FROM numbered
WHERE number = 0 OR number * {spaces} // last > (number - 1) * {spaces} // last
ORDER BY number
"""
# Samples with a value that passed an operator: the others ended at this or an earlier operator.
_PASSED = """
SELECT * FROM (
    SELECT shard, row, id, {value} AS value FROM stats ANTI JOIN (
        SELECT shard, row
        FROM (FROM dropped SELECT shard, row, operator UNION ALL FROM quarantine SELECT shard, row, operator)
        WHERE NOT list_contains({later}, operator)
    ) USING (shard, row)
) WHERE value IS NOT NULL
"""


@dataclass(frozen=True)
class Shown:
    """One sample on a sheet: `value` is the number that was judged, `picture` small pixels, shape `(h, w, 3)`."""

    id: str
    value: float | None
    picture: np.ndarray


@dataclass(frozen=True)
class Shelf:
    """The samples that a sheet shows of one operator: dropped ones and ones that passed, ordered by value."""

    label: str
    dropped: tuple[Shown, ...]
    passed: tuple[Shown, ...]


@dataclass(frozen=True)
class _Chosen:
    position: SamplePosition
    id: str
    value: float | None


@dataclass(frozen=True)
class Display:
    """The samples of a run and their media: its database, its measured folder, and the manifest with its source files.

    `most` is the number of dropped and of passed samples that are shown, at least 2; `edge` is the longer side of
    their pictures in pixels.
    """

    database: Path
    plan: Plan
    layout: Layout
    manifest: RunManifest
    most: int
    edge: int

    def shelves(self) -> Iterator[Shelf]:
        """Yield a shelf for every operator that reads media and dropped something, in recipe order.

        Samples are spread evenly over the values, from the least to the greatest. The guarded reader opens the media;
        a sample whose first medium cannot be shown is left out.
        """
        steps = [step for step in self.plan.steps if self._is_shown(step.operator)]
        with reading(self.database) as connection:
            picked = [(step, *self._pick(connection, step)) for step in steps]
        reader = StoreReader()
        try:
            for step, dropped, passed in picked:
                if dropped:
                    operator = cast("MediaOperator", step.operator)
                    pictures = self._pictures([*dropped, *passed], operator, reader)
                    yield Shelf(step.label, _shown(dropped, pictures), _shown(passed, pictures))
        finally:
            reader.close()

    @staticmethod
    def _is_shown(operator: Operator) -> bool:
        """Return whether an operator reads media that have pictures."""
        return isinstance(operator, MediaOperator) and operator.media != "audios"

    def _pick(self, connection: duckdb.DuckDBPyConnection, step: Step) -> tuple[list[_Chosen], list[_Chosen]]:
        """Return some samples that an operator dropped, and some that passed it."""
        dropped = Sql("SELECT shard, row, id, value FROM dropped WHERE operator = ?", (step.label,))
        return _spread(connection, dropped, self.most), _spread(connection, self._passed(step), self.most)

    def _passed(self, step: Step) -> Sql:
        """Return the query for samples that passed with a value; for a deduplicator, the kept duplicates."""
        if not isinstance(step.operator, Filter):
            kept = "SELECT DISTINCT kept_shard AS shard, kept_row AS row, kept_id AS id, NULL AS value FROM duplicates"
            return Sql(f"{kept} WHERE operator = ? AND against IS NULL", (step.label,))
        return Sql.of(
            _PASSED,
            value=step.operator.condition.value(step.columns),
            later=[other.label for other in self.plan.steps[step.index + 1 :]],
        )

    def _pictures(
        self, chosen: Sequence[_Chosen], operator: MediaOperator, reader: MediaReader
    ) -> dict[SamplePosition, np.ndarray]:
        """Return the first picture of every sample whose picture can be shown, of the media that an operator reads."""
        kind, keys = operator.media, operator.keys(self.plan.recipe.media)
        feature = ImageThumbnail(self.edge) if kind == "images" else ClipThumbnail(self.edge)
        first_pictures: dict[SamplePosition, np.ndarray] = {}
        for shard in sorted({sample.position[0] for sample in chosen}):
            # a file may be removed while its samples are still published
            if not source_path(self.manifest.file(shard).path).exists():
                continue
            rows = sorted({sample.position[1] for sample in chosen if sample.position[0] == shard})
            media_access = MediaAccess(keys, self.manifest.media_root(shard, self.layout.made_media), reader)
            batch = replace(_batch(self.layout, shard, rows), media_access=media_access)
            failures = media(batch).failures(kind, (feature,))
            shown = batch.select(pa.array([index not in failures for index in range(len(batch))], pa.bool_()))
            pairs = zip(shown.rows.column("row").to_pylist(), media(shown).values(kind, feature), strict=True)
            first_pictures.update({(shard, row): pictures[0] for row, pictures in pairs if pictures})
        return first_pictures


def _spread(connection: duckdb.DuckDBPyConnection, chosen: Sql, most: int) -> list[_Chosen]:
    rows = Sql.of(_SPREAD, chosen=chosen, spaces=most - 1).execute(connection).fetchall()
    return [_Chosen((shard, row), name, value) for shard, row, name, value in rows]


def _shown(chosen: Sequence[_Chosen], pictures: Mapping[SamplePosition, np.ndarray]) -> tuple[Shown, ...]:
    return tuple(
        Shown(sample.id, sample.value, pictures[sample.position]) for sample in chosen if sample.position in pictures
    )


def _batch(layout: Layout, shard: int, rows: list[int]) -> Batch:
    """Return samples with their fields; their texts are not read."""
    query = "SELECT row, '' AS text, fields FROM read_parquet({path}) WHERE row IN ({rows})"
    fields = Sql.of(query, path=str(layout.fetched("fields", shard)), rows=bound(rows))
    with duckdb.connect(config={"threads": 1}) as connection:
        table: pa.Table = connection.sql(fields.text, params=list(fields.parameters)).to_arrow_table()
    return Batch(table.combine_chunks().to_batches()[0])
