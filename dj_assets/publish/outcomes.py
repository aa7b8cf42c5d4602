"""The record of a run: the outcome of every sample, kept also after the files of the run are replaced.

`runs/<id>.parquet` has one row for every sample in (shard, row) order: `shard`, `row` and `code`, the index in a list
of outcomes in the metadata of the file. It takes about half a byte per sample. The manifest `runs/<id>.json` names the
files that the column `shard` counts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Literal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from dj_assets.home.layout import Layout
from dj_assets.home.writing import replace_atomically
from dj_assets.operators.sql import Sql, bound, joined
from dj_assets.publish.database import ended_tables, reading

Kind = Literal["kept", "dropped", "quarantined", "expanded", "grouped"]

# The fix for a damaged record.
RECORD_LOST = "compare other runs; the record of a run that was replaced cannot be made again"
# Number of records that are kept; all manifests are kept.
KEEP_RECORDS = 20
# A reason with a value of the sample has one outcome per value: after this number of outcomes the rest are "other".
_MOST_OUTCOMES = 1000
_OUTCOMES = b"fates"
_SCHEMA = pa.schema([("shard", pa.int32()), ("row", pa.int64()), ("code", pa.int16())])


@dataclass(frozen=True)
class Outcome:
    """Hold the outcome of a sample: the operator that ended it and the reason, without the value of the statistic."""

    kind: Kind
    operator: str = ""
    reason: str = ""


KEPT = Outcome("kept")


def record_file(layout: Layout, run_id: str) -> Path:
    """Return the path of the record of a run, which may be removed already."""
    return layout.runs / f"{run_id}.parquet"


def write_record(path: Path, database: Path, stats: Sequence[Path]) -> None:
    """Write the record of the run that a database describes; `stats` are the measured statistics, file by file.

    Holds one source file at a time.
    """
    with reading(database) as connection:
        outcomes, ended = _outcomes(connection), _ended(connection)
        has_children = "expanded" in ended_tables(connection)
        connection.execute("CREATE TEMP TABLE codes (code SMALLINT, kind VARCHAR, operator VARCHAR, reason VARCHAR)")
        codes = (Sql.of("({row})", row=bound([code, *astuple(outcome)])) for code, outcome in enumerate(outcomes))
        Sql.of("INSERT INTO codes VALUES {codes}", codes=joined(", ", codes)).execute(connection)
        schema = _SCHEMA.with_metadata({_OUTCOMES: json.dumps([astuple(outcome) for outcome in outcomes]).encode()})
        with (
            replace_atomically(path) as temporary,
            pq.ParquetWriter(
                temporary,
                schema,
                compression="zstd",
                use_dictionary=["code"],
                column_encoding={"shard": "DELTA_BINARY_PACKED", "row": "DELTA_BINARY_PACKED"},
            ) as writer,
        ):
            for file in stats:
                # measured files are named by the number of their source file
                number = int(file.stem)
                created = Sql.of(_CREATED, shard=number) if has_children else Sql("")
                query = Sql.of(_CODED, ended=ended, shard=number, file=str(file), created=created)
                rows = connection.sql(query.text, params=list(query.parameters)).to_arrow_table()
                writer.write_table(rows.cast(schema))


def read_outcomes(path: Path) -> tuple[Outcome, ...]:
    """Return the outcomes of a record, in the order of their codes."""
    metadata = pq.read_schema(path).metadata or {}
    return tuple(Outcome(*outcome) for outcome in json.loads(metadata[_OUTCOMES]))


def keep_newest(layout: Layout, keep: int = KEEP_RECORDS) -> list[Path]:
    """Remove old records, and records of runs that were never committed; return the removed files."""
    runs = sorted((file.stem for file in layout.runs.glob("*.json")), reverse=True)
    wanted = {record_file(layout, run) for run in runs[:keep]}
    surplus = [file for file in sorted(layout.runs.glob("*.parquet")) if file not in wanted]
    for file in surplus:
        file.unlink()
    return surplus


def _outcomes(connection: duckdb.DuckDBPyConnection) -> list[Outcome]:
    """Return all outcomes of the run, the most frequent first; all rare ones of an operator are one outcome."""
    ended = _ended(connection)
    most_frequent = Sql.of(_FREQUENT, ended=ended, most=_MOST_OUTCOMES)
    frequent = [Outcome(*row) for row in most_frequent.execute(connection).fetchall()]
    some = Sql.of("SELECT DISTINCT kind, operator, 'other' FROM ({ended})", ended=ended)
    rare = [Outcome(*row) for row in some.execute(connection).fetchall()]
    return list(dict.fromkeys([KEPT, *frequent, *sorted(rare, key=astuple)]))


def _ended(connection: duckdb.DuckDBPyConnection) -> Sql:
    """Return SQL for every sample that is not kept, with its outcome.

    A reason such as "below min_ratio 0.65" contains the threshold, which is also in the recipe of the run. Without it
    the reasons of two runs can be compared.
    """
    ended = """
        SELECT shard, row, 'dropped' AS kind, operator,
               CASE WHEN kept_id IS NOT NULL THEN 'duplicate'
                    ELSE regexp_replace(reason, '^((above|below) \\S+) \\S+$', '\\1') END AS reason
        FROM dropped
        UNION ALL SELECT shard, row, 'quarantined', operator, '' FROM quarantine
    """
    replaced = {
        "expanded": "UNION ALL SELECT shard, row, 'expanded', operator, '' FROM expanded",
        "grouped": "UNION ALL SELECT shard, row, 'grouped', operator, '' FROM grouped",
    }
    there = ended_tables(connection)
    return Sql(ended + " ".join(query for table, query in replaced.items() if table in there))


_FREQUENT = """
SELECT kind, operator, reason FROM ({ended}) GROUP BY ALL ORDER BY count(*) DESC, kind, operator, reason LIMIT {most}
"""
# The table `stats` has only the samples that were created, but may be a view over all files.
_CREATED = "SEMI JOIN (SELECT row FROM stats WHERE shard = {shard}) USING (row)"
# The samples of a file with the codes of their outcomes.
_CODED = """
WITH ended AS (SELECT * FROM ({ended}) WHERE shard = {shard}),
     coded AS (SELECT ended.shard, ended.row, coalesce(exact.code, other.code) AS code
               FROM ended LEFT JOIN codes exact USING (kind, operator, reason)
                          LEFT JOIN codes other ON other.kind = ended.kind AND other.operator = ended.operator
                                                   AND other.reason = 'other')
SELECT {shard}::INTEGER AS shard, row, coalesce(code, 0)::SMALLINT AS code
FROM (SELECT row FROM read_parquet({file}) {created} UNION SELECT row FROM ended) LEFT JOIN coded USING (row)
ORDER BY row
"""
