"""Pairs of images of a run: the boxes with the outcome of each, and the words in which the captions differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dj_assets.analysis.columns import StatColumn, stat_columns
from dj_assets.analysis.differences import Segment, segments
from dj_assets.home.layout import Layout
from dj_assets.home.run_manifest import RunManifest
from dj_assets.media.access import MediaAccess
from dj_assets.media.pixels_of import Pixels
from dj_assets.media.reader import MediaReader
from dj_assets.models.text.pictures import Uint8s
from dj_assets.operators.batch import FIELDS, Batch
from dj_assets.operators.image.image_pair_similarity_filter import ImagePairSimilarityFilter
from dj_assets.operators.kinds.image_pairs import BOX, PairOperator
from dj_assets.operators.sql import Sql, bound, joined, quoted
from dj_assets.operators.views.media_batch import media
from dj_assets.operators.views.sample_fields import field_values
from dj_assets.publish.database import SamplePosition, ended_tables
from dj_assets.recipe.plan import Plan
from dj_assets.stores.media_reader import StoreReader
from dj_assets.stores.path import source_path

Kind = Literal["kept", "dropped", "quarantined", "expanded", "grouped"]
# The field of a box that names its pair: the paths of both images.
PAIR = "pair"
_SECOND = "caption2"
_MOST_BOXES = 500


@dataclass(frozen=True)
class EndedAt:
    """The outcome of a sample: how it ended, by which operator, and the reason with the judged value."""

    kind: Kind
    operator: str = ""
    reason: str = ""


@dataclass(frozen=True)
class PairBox:
    """One candidate box of a pair.

    `area` is left, top, width and height in pixels of the first image, `side` the image that the box was found in, 1 or
    2, and 0 if this is not known. `values` are the statistics that were measured, by column.
    """

    position: SamplePosition
    id: str
    area: tuple[float, float, float, float]
    side: int
    outcome: EndedAt
    values: dict[str, float]


@dataclass(frozen=True)
class ImagePair:
    """A pair of images: `position` is that of the sample by which it was found.

    `captions` are the passages of both captions; a passage that only one of them has is `removed` or `added`. `outcome`
    is that of the pair itself, None if the sample is a box.
    """

    position: SamplePosition
    captions: tuple[tuple[Segment, ...], tuple[Segment, ...]]
    outcome: EndedAt | None
    boxes: tuple[PairBox, ...]


@dataclass(frozen=True)
class PairsOfRun:
    """The pairs of images of one run, given the layout of its files, its manifest and its plan."""

    plan: Plan
    layout: Layout
    manifest: RunManifest

    @property
    def has_pairs(self) -> bool:
        """Return whether an operator of the recipe works on pairs of images."""
        kinds = (PairOperator, ImagePairSimilarityFilter)
        return any(isinstance(step.operator, kinds) for step in self.plan.steps)

    def pair(self, connection: duckdb.DuckDBPyConnection, position: SamplePosition) -> ImagePair | None:
        """Return the pair that a sample is, or whose box it is; None for a sample without two images.

        All boxes of a pair are in the file of the sample. Of more than 500, the first ones are taken.
        """
        shard, row = position
        sample = self._samples(shard, [row])
        if sample is None:
            return None
        (name,) = self._names(sample)
        if name is None:
            return None
        ended = self._outcomes(connection, shard, [row])
        (box,) = field_values(sample, BOX)
        second = field_values(sample, self._second_caption)[0]
        return ImagePair(
            position,
            _both(str(sample.text.to_pylist()[0] or ""), second if isinstance(second, str) else ""),
            ended[row][1] if box is None and row in ended else None,
            tuple(self._boxes(connection, shard, name)),
        )

    def examples(self, connection: duckdb.DuckDBPyConnection, most: int) -> list[ImagePair]:
        """Return up to `most` pairs: about half of them with a kept sample, the others lost at different operators."""
        kept, lost = (self._distinct(query.execute(connection).fetchall()) for query in self._candidates(connection))
        lost = {name: position for name, position in lost.items() if name not in kept}
        half = max(most - len(lost), (most + 1) // 2)
        chosen = [*kept.values()][:half]
        chosen += [*lost.values()][: most - len(chosen)]
        pairs = (self.pair(connection, position) for position in chosen)
        return [pair for pair in pairs if pair is not None]

    def pictures(self, pair: ImagePair) -> tuple[Uint8s, Uint8s] | None:
        """Return both images as RGB pixels, shape `(height, width, 3)`; None if one of them cannot be opened."""
        shard, row = pair.position
        sample = self._samples(shard, [row])
        if sample is None or not source_path(self.manifest.file(shard).path).exists():
            return None
        reader = StoreReader()
        try:
            return self._opened(sample, shard, reader)
        finally:
            reader.close()

    def _opened(self, sample: Batch, shard: int, reader: MediaReader) -> tuple[Uint8s, Uint8s] | None:
        root = self.manifest.media_root(shard, self.layout.made_media)
        batch = replace(sample, media_access=MediaAccess(self.plan.recipe.media, root, reader))
        if media(batch).failures("images", (Pixels(),)):
            return None
        (found,) = media(batch).values("images", Pixels())
        return (np.asarray(found[0]), np.asarray(found[1])) if len(found) == 2 else None

    def _distinct(self, positions: Sequence[SamplePosition]) -> dict[tuple[int, str], SamplePosition]:
        """Return the first sample of every pair, by file and name of the pair."""
        names: dict[SamplePosition, str] = {}
        for shard in {shard for shard, _ in positions}:
            rows = [row for number, row in positions if number == shard]
            samples = self._samples(shard, rows)
            if samples is not None:
                named = zip(samples.rows.column("row").to_pylist(), self._names(samples), strict=True)
                names |= {(shard, row): name for row, name in named if name is not None}
        found: dict[tuple[int, str], SamplePosition] = {}
        for position in positions:
            if position in names:
                found.setdefault((position[0], names[position]), position)
        return found

    def _candidates(self, connection: duckdb.DuckDBPyConnection) -> tuple[Sql, Sql]:
        """Return the queries of some kept samples and of some lost ones, in an order that no value decides."""
        ended = Sql(_ended(connection))
        order = Sql("md5(shard || '/' || row), shard, row LIMIT 60")
        kept = "SELECT shard, row FROM stats ANTI JOIN ({ended}) USING (shard, row) ORDER BY {order}"
        # the first one of every operator, then the second one, and so on
        lost = """
            SELECT shard, row FROM ({ended}) WHERE kind = 'dropped' AND operator <> 'load'
            ORDER BY row_number() OVER (PARTITION BY operator ORDER BY md5(shard || '/' || row), shard, row), {order}
        """
        return Sql.of(kept, ended=ended, order=order), Sql.of(lost, ended=ended, order=order)

    @cached_property
    def _second_caption(self) -> str:
        """Return the field of the second caption, as the first operator that reads or writes one names it."""
        operators = (step.operator for step in self.plan.steps if not step.operator.text_key)
        named = (getattr(operator, "text_key_second", None) for operator in operators)
        return next((str(name) for name in named if name), _SECOND)

    @cached_property
    def _columns(self) -> tuple[StatColumn, ...]:
        return tuple(column for column in stat_columns(self.plan) if column.is_numeric and not column.is_list)

    def _samples(self, shard: int, rows: Sequence[int]) -> Batch | None:
        """Return samples with their texts and fields, in the order of their rows; None where none is stored."""
        fields, cleaned = (self.layout.fetched(kind, shard) for kind in (FIELDS, "cleaned"))
        if not fields.exists() or not cleaned.exists():
            return None
        query = """
            SELECT row, text, fields FROM read_parquet({fields}) AS f JOIN read_parquet({cleaned}) AS c USING (row)
            WHERE row IN ({rows}) ORDER BY row
        """
        asked = Sql.of(query, fields=str(fields), cleaned=str(cleaned), rows=bound(rows))
        with duckdb.connect(config={"threads": 1}) as connection:
            table: pa.Table = connection.sql(asked.text, params=list(asked.parameters)).to_arrow_table()
        batches = table.combine_chunks().to_batches()
        return Batch(batches[0]) if batches and len(batches[0]) else None

    def _names(self, samples: Batch) -> list[str | None]:
        """Return the name of the pair of every sample, as its boxes have it; None without two images."""
        named, listed = (field_values(samples, key) for key in (PAIR, self.plan.recipe.media.images))
        own = ("|".join(map(str, paths)) if isinstance(paths, list) and len(paths) == 2 else None for paths in listed)
        return [name if isinstance(name, str) else paths for name, paths in zip(named, own, strict=True)]

    def _boxes(self, connection: duckdb.DuckDBPyConnection, shard: int, name: str) -> Iterator[PairBox]:
        rows = _rows_of_pair(self.layout.fetched(FIELDS, shard), name)
        samples = self._samples(shard, rows) if rows else None
        if samples is None:
            return
        ended = self._outcomes(connection, shard, rows)
        sides = field_values(samples, "box_side")
        listed = samples.rows.column("row").to_pylist()
        for row, box, side in zip(listed, field_values(samples, BOX), sides, strict=True):
            if isinstance(box, list) and len(box) == 4 and row in ended:
                across, down, width, height = map(float, box)
                area = (across - width / 2, down - height / 2, width, height)
                own, outcome, values = ended[row]
                yield PairBox((shard, row), own, area, side if isinstance(side, int) else 0, outcome, values)

    def _outcomes(
        self, connection: duckdb.DuckDBPyConnection, shard: int, rows: Sequence[int]
    ) -> dict[int, tuple[str, EndedAt, dict[str, float]]]:
        """Return id, outcome and measured numbers of samples by their rows; samples that were never made are absent."""
        columns = joined(", ", [Sql(f"stats.{quoted(column.name)}::DOUBLE") for column in self._columns])
        query = """
            SELECT stats.row, stats.id, coalesce(kind, 'kept'), coalesce(operator, ''), coalesce(reason, ''){columns}
            FROM stats LEFT JOIN ({ended}) AS ended USING (shard, row)
            WHERE stats.shard = {shard} AND stats.row IN ({rows})
        """
        more = Sql.of(", {columns}", columns=columns) if self._columns else Sql("")
        ended = Sql(_ended(connection))
        found = Sql.of(query, columns=more, ended=ended, shard=shard, rows=bound(rows)).execute(connection).fetchall()
        names = [column.name for column in self._columns]
        return {
            row: (str(name), EndedAt(kind, operator, reason), _measured(names, values))
            for row, name, kind, operator, reason, *values in found
        }


def _rows_of_pair(fields: Path, name: str) -> list[int]:
    """Return the rows of a file of fields that belong to a pair, the first 500."""
    kind = pq.read_schema(fields).field(FIELDS).type
    if pa.types.is_struct(kind):
        if kind.get_field_index(PAIR) < 0:
            return []
        named = Sql(f"fields.{quoted(PAIR)}")
    else:
        named = Sql("json_extract_string(fields, ?)", (f"$.{PAIR}",))
    query = "SELECT row FROM read_parquet({path}) WHERE {named} = {name} ORDER BY row LIMIT {most}"
    asked = Sql.of(query, path=str(fields), named=named, name=name, most=_MOST_BOXES)
    with duckdb.connect(config={"threads": 1}) as connection:
        return [row for (row,) in asked.execute(connection).fetchall()]


def _both(first: str, second: str) -> tuple[tuple[Segment, ...], tuple[Segment, ...]]:
    parts = segments(first, second)
    removed, added = (tuple(part for part in parts if part.kind in {"same", kind}) for kind in ("removed", "added"))
    return removed, added


def _measured(names: Iterable[str], values: Iterable[float | None]) -> dict[str, float]:
    return {name: value for name, value in zip(names, values, strict=True) if value is not None}


def _ended(connection: duckdb.DuckDBPyConnection) -> str:
    """Return SQL for the samples that are not kept: shard, row, kind, operator, reason."""
    kinds = {"dropped": "reason", "quarantine": "error", "expanded": "''", "grouped": "''"}
    names = {"quarantine": "quarantined"}
    return " UNION ALL ".join(
        f"SELECT shard, row, '{names.get(table, table)}' AS kind, operator, {kinds[table]} AS reason FROM {table}"  # noqa: S608
        for table in ended_tables(connection)
    )
