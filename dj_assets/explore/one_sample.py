"""Everything about one sample: its text with marks, its statistics, its duplicate, its relatives, and its trace."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import duckdb
import numpy as np

from dj_assets.analysis.differences import segments
from dj_assets.analysis.duplicate_pairs import duplicates_query
from dj_assets.analysis.explain import SampleTrace, StepTrace, Tracer
from dj_assets.analysis.image_pairs import PairsOfRun
from dj_assets.analysis.people import PeopleOfRun
from dj_assets.explore.marks import marked
from dj_assets.explore.media_files import SampleMedia
from dj_assets.explore.pair_sheet import PairSheets
from dj_assets.explore.people_sheet import PeopleSheets
from dj_assets.explore.samples import Samples
from dj_assets.home.identity import source_row
from dj_assets.home.layout import Layout
from dj_assets.home.run_manifest import RunManifest
from dj_assets.loopback import Reply
from dj_assets.models.store import ModelStore
from dj_assets.operators.batch import FIELDS, Batch
from dj_assets.operators.sql import Sql, joined, quoted
from dj_assets.recipe.plan import Plan
from dj_assets.sources.sources import SourceFile
from dj_assets.subset.finished import files_as_read

Answer = dict[str, object]

# Characters of a text, and of all fields, that the page shows.
MOST_CHARACTERS = 200_000
_MOST_FIELD_CHARACTERS = 20_000
_MOST_RELATIVES = 50


@dataclass(frozen=True)
class SamplePages:
    """The answers about single samples of a run; a position is one of `samples`."""

    plan: Plan
    layout: Layout
    manifest: RunManifest
    samples: Samples

    def sample(self, position: int, name: str, measured: dict[str, Any]) -> Answer:
        """Return the content of the page of a sample, without its trace: what is stored, so that it comes at once."""
        shard, row = int(self.samples.shard[position]), int(self.samples.row[position])
        outcome = self.samples.outcomes[self.samples.code[position]]
        path, own_row = self.manifest.file(shard).position(source_row(row))
        text = self._cleaned(self.layout, shard, row)
        record = self.media.fields(shard, row)
        with self.samples.cursor() as cursor:
            reason = self._reason(cursor, shard, row)
            duplicate = self._kept_duplicate(cursor, shard, row, text or "")
            relatives = self._relatives(cursor, shard, row)
            pair = self.pairs.sheet(cursor, (shard, row))
        fields = _record(record)
        return {
            "position": position,
            "id": name,
            "source": path,
            "row": own_row,
            "outcome": asdict(outcome),
            "reason": reason,
            "text": None if text is None else [asdict(piece) for piece in marked(text[:MOST_CHARACTERS], self.plan)],
            "characters": len(text or ""),
            "fields": _in_json(fields),
            "values": measured,
            "duplicate": duplicate,
            "relatives": relatives,
            "media": [asdict(medium) for medium in self.media.listed(record)],
            "pair": pair,
            "people": len(self.people.clips(name, fields)) if isinstance(fields, Mapping) else 0,
        }

    def people_of(self, position: int, name: str) -> Answer:
        """Return the sheets of the clips of a sample with people, for which frames are decoded."""
        fields = _record(self.media.fields(int(self.samples.shard[position]), int(self.samples.row[position])))
        return {"sheets": self.people.sheets(name, fields) if isinstance(fields, Mapping) else []}

    def trace(self, position: int, name: str) -> Answer:
        """Return the operators with the text before and after each mapper, read again from the source file."""
        shard, row = int(self.samples.shard[position]), int(self.samples.row[position])
        with self.samples.cursor() as connection:
            tracer = Tracer(self.plan, self.layout, self.manifest, connection, ModelStore(), self._files)
            trace: SampleTrace = tracer.trace(name, shard, row)
        return {"outcome": trace.outcome, "steps": [_step(step) for step in trace.steps]}

    def heat(self, position: int) -> Reply:
        """Return the heat map of the pair of images of a sample."""
        with self.samples.cursor() as cursor:
            return self.pairs.heat(cursor, (int(self.samples.shard[position]), int(self.samples.row[position])))

    @cached_property
    def pairs(self) -> PairSheets:
        """Return the pair sheets of the samples."""
        return PairSheets(PairsOfRun(self.plan, self.layout, self.manifest), self.samples)

    @cached_property
    def people(self) -> PeopleSheets:
        """Return the sheets of samples with people."""
        return PeopleSheets(PeopleOfRun(self.plan, self.layout, self.manifest))

    @cached_property
    def media(self) -> SampleMedia:
        """Return the media of the samples."""
        return SampleMedia(self.plan, self.layout, self.manifest)

    def prepare(self) -> None:
        """Find the source files, for which recipes are read: the first trace need not wait for it."""
        _ = self._files

    @cached_property
    def _files(self) -> Sequence[SourceFile]:
        return files_as_read(self.manifest)

    def _cleaned(self, layout: Layout, shard: int, row: int) -> str | None:
        path = layout.fetched("cleaned", shard)
        if not path.exists():
            return None
        with duckdb.connect(config={"threads": 1}) as connection:
            found = connection.execute("SELECT text FROM read_parquet(?) WHERE row = ?", [str(path), row]).fetchone()
        return None if found is None else str(found[0])

    def _reason(self, cursor: duckdb.DuckDBPyConnection, shard: int, row: int) -> str:
        query = """
            SELECT reason FROM dropped WHERE shard = ? AND row = ?
            UNION ALL SELECT error FROM quarantine WHERE shard = ? AND row = ?
        """
        found = cursor.execute(query, [shard, row, shard, row]).fetchone()
        return str(found[0]) if found else ""

    def _kept_duplicate(self, cursor: duckdb.DuckDBPyConnection, shard: int, row: int, text: str) -> Answer | None:
        """Return the duplicate that was kept, and both texts as one sequence of passages."""
        query = """
            SELECT operator, kept_shard, kept_row, kept_id, cluster_size, distance, against
            FROM ({duplicates}) WHERE shard = {shard} AND row = {row}
        """
        found = Sql.of(query, duplicates=duplicates_query(cursor), shard=shard, row=row).execute(cursor).fetchone()
        if found is None:
            return None
        operator, kept_shard, kept_row, kept_id, size, distance, against = found
        kept = self._cleaned(self.layout if against is None else self.layout.against, kept_shard, kept_row) or ""
        parts = segments(kept[:MOST_CHARACTERS], text[:MOST_CHARACTERS])
        return {
            "operator": operator,
            "id": kept_id,
            "position": self.samples.position(kept_shard, kept_row) if against is None else None,
            "against": against,
            "cluster": size,
            "distance": distance,
            "parts": [asdict(part) for part in parts],
        }

    def _relatives(self, cursor: duckdb.DuckDBPyConnection, shard: int, row: int) -> list[Answer]:
        """Return the samples that this one was made from, and those that were made from it."""
        queries = []
        if self.plan.makes_samples:
            parent = "SELECT shard, parent_row FROM stats WHERE shard = {shard} AND row = {row}"
            made_from = "SELECT shard, row, id FROM stats WHERE (shard, row) IN (" + parent + ")"  # noqa: S608
            queries.append(("made from", made_from))
            children = "SELECT shard, row, id FROM stats WHERE shard = {shard} AND parent_row = {row} ORDER BY row"
            queries.append(("made into", children))
        if self.plan.groupers:
            group = "SELECT aggregate_shard, aggregate_row, aggregate_id FROM grouped"
            queries.append(("member of", f"{group} WHERE shard = {{shard}} AND row = {{row}}"))
            members = "SELECT shard, row, id FROM grouped WHERE aggregate_shard = {shard} AND aggregate_row = {row}"
            queries.append(("has the member", members))
        return [
            {"relation": relation, "id": name, "position": self.samples.position(number, other)}
            for relation, query in queries
            for number, other, name in Sql.of(query, shard=shard, row=row).execute(cursor).fetchmany(_MOST_RELATIVES)
        ]


def _record(batch: Batch | None) -> object:
    """Return all other fields of a record; a text if they are no JSON, None without a record."""
    if batch is None:
        return None
    value = batch.rows.column(FIELDS).to_pylist()[0]
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return str(value)


def _in_json(record: object) -> str:
    """Return fields as indented JSON."""
    if record is None or isinstance(record, str):
        return str(record or "")[:_MOST_FIELD_CHARACTERS]
    return json.dumps(record, ensure_ascii=False, indent=1, default=_short)[:_MOST_FIELD_CHARACTERS]


def measured_values(
    samples: Samples, cursor: duckdb.DuckDBPyConnection, positions: Sequence[int]
) -> dict[int, dict[str, Any]]:
    """Return id and statistics of samples by position; samples lost while they were loaded have only an id."""
    columns = joined(", ", [Sql(f"stats.{quoted(name)}") for name in ("id", *samples.columns)])
    named = ("id", *samples.columns)
    numbers = samples.row_ids(positions)
    if numbers is None:
        shards, rows = (column[[*positions]].tolist() for column in (samples.shard, samples.row))
        query = """
            WITH wanted AS (SELECT unnest({positions}) AS at, unnest({shards})::INTEGER AS shard, unnest({rows}) AS row)
            SELECT wanted.at, {columns} FROM stats JOIN wanted USING (shard, row)
        """
        asked = Sql.of(query, positions=[*positions], shards=shards, rows=rows, columns=columns)
    else:
        # a join by row number reads only the parts of the table that hold the rows
        query = """
            WITH wanted AS (SELECT unnest({positions}) AS at, unnest({numbers}) AS number)
            SELECT wanted.at, {columns} FROM stats JOIN wanted ON stats.rowid = wanted.number
        """
        asked = Sql.of(query, positions=[*positions], numbers=numbers, columns=columns)
    found = asked.execute(cursor).fetchall() if positions else []
    values = {row[0]: dict(zip(named, row[1:], strict=True)) for row in found}
    missing = {(int(samples.shard[at]), int(samples.row[at])): at for at in positions if at not in values}
    if missing:
        lost = "SELECT shard, row, id FROM {table} WHERE operator = 'load' AND (shard, row) IN ({missing})"
        pairs = joined(", ", [Sql("(?::INTEGER, ?::BIGINT)", key) for key in missing])
        for table in ("dropped", "quarantine"):
            for shard, row, name in Sql.of(lost, table=Sql(table), missing=pairs).execute(cursor).fetchall():
                values[missing[shard, row]] = {"id": name}
    return values


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values that JSON has: numbers that are not finite by name, of long lists the beginning."""
    return {name: _plain_value(value) for name, value in values.items()}


def _plain_value(value: Any) -> Any:  # noqa: ANN401 - any value of DuckDB
    if isinstance(value, list):
        return [_plain_value(item) for item in value[:20]]
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _step(step: StepTrace) -> Answer:
    parts = None
    if step.before is not None and step.after is not None and step.before != step.after:
        parts = [asdict(part) for part in segments(step.before[:MOST_CHARACTERS], step.after[:MOST_CHARACTERS])]
    return {
        "operator": step.operator,
        "summary": step.summary,
        "details": list(step.details) if parts is None else [],
        "ended": step.ended,
        "parts": parts,
        "calls": [asdict(call) for call in step.calls],
    }


def _short(value: object) -> str:
    return f"({len(value):,} bytes)" if isinstance(value, (bytes, bytearray)) else str(value)
