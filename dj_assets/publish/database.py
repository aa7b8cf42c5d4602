"""The DuckDB file of a subset: statistics, outcomes, funnel and runs; built in a staging folder and never changed."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from dj_assets.errors import DamagedError
from dj_assets.home.disk import is_full
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import require_written
from dj_assets.home.numbering import number_of_aggregates
from dj_assets.home.run_manifest import RunManifest
from dj_assets.operators.base import Filter, Selector
from dj_assets.operators.sql import Sql, bound, joined, literals, quoted
from dj_assets.publish.duplicates import MeasuredReference, add_duplicates
from dj_assets.recipe.plan import Plan, Step
from dj_assets.stores.copies import at_hand
from dj_assets.system import has_open
from dj_assets.urls import url_of

# Position of a sample: the number of its file, and its row.
SamplePosition = tuple[int, int]
# Above this number of samples `stats` is a view over the Parquet files: a native copy would double the disk usage.
NATIVE_SAMPLES = 20_000_000
# The outcome of a sample that would be made from another one, which an operator dropped before.
NEVER_CREATED = -2

_DAMAGED = (duckdb.IOException, duckdb.FatalException, duckdb.InternalException, duckdb.SerializationException)

SCHEMA = """
CREATE TABLE dropped (shard INTEGER, row BIGINT, id VARCHAR, operator VARCHAR, reason VARCHAR, value DOUBLE,
                      kept_id VARCHAR);
CREATE TABLE duplicates (operator VARCHAR, shard INTEGER, row BIGINT, id VARCHAR, kept_shard INTEGER, kept_row BIGINT,
                         kept_id VARCHAR, cluster_size INTEGER, distance DOUBLE, against VARCHAR);
CREATE TABLE quarantine (shard INTEGER, row BIGINT, id VARCHAR, operator VARCHAR, error VARCHAR);
CREATE TABLE funnel (step INTEGER, operator VARCHAR, params VARCHAR, samples_in BIGINT, samples_out BIGINT,
                     dropped BIGINT, quarantined BIGINT, seconds DOUBLE, dropped_against BIGINT);
CREATE TABLE runs (run_id VARCHAR, finished VARCHAR, manifest VARCHAR);
"""
# Further tables and columns of a recipe that makes samples from others.
_SCHEMA_OF_CHILDREN = """
CREATE TABLE expanded (shard INTEGER, row BIGINT, id VARCHAR, operator VARCHAR, children BIGINT);
ALTER TABLE funnel ADD COLUMN created BIGINT;
ALTER TABLE funnel ADD COLUMN expanded BIGINT;
"""
# The same of a recipe that makes one sample of many.
_SCHEMA_OF_GROUPS = """
CREATE TABLE grouped (shard INTEGER, row BIGINT, id VARCHAR, operator VARCHAR, aggregate_shard INTEGER,
                      aggregate_row BIGINT, aggregate_id VARCHAR);
ALTER TABLE funnel ADD COLUMN grouped BIGINT;
"""


@contextmanager
def reading(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a published database read-only, also while a run publishes a new version.

    Raises
    ------
    DamagedError
        If it is missing or damaged, also if the damage is found only while it is read.
    """
    connection = open_database(path)
    try:
        yield connection
    except _DAMAGED as error:
        # of what is read, another file may be written
        if is_full(error):
            raise
        raise _damaged(path, error) from error
    finally:
        connection.close()


def open_database(path: Path, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """Return a connection to a published database, read-only.

    Raises
    ------
    DamagedError
        If it is missing or damaged.
    """
    try:
        connection = duckdb.connect(str(at_hand(path)), read_only=True)
        # while this process has an earlier file of the same path open, DuckDB gives that one
        if not has_open(path):
            connection.close()
            connection = _opened_copy(path)
        # a setting of its own for a connection would refuse all others of this process to the same file
        if threads is not None:
            connection.execute("SET threads = ?", [threads])
    except _DAMAGED as error:
        raise _damaged(path, error) from error
    return connection


def _opened_copy(path: Path) -> duckdb.DuckDBPyConnection:
    with tempfile.TemporaryDirectory(prefix="dj-database-") as folder:
        # the open file stays readable after its folder is removed
        return duckdb.connect(shutil.copyfile(path, Path(folder) / path.name), read_only=True)


def is_of_run(connection: duckdb.DuckDBPyConnection, run_id: str) -> bool:
    """Return whether a database is that of a run; a newer run replaces it before its manifest is written."""
    return connection.execute("SELECT run_id FROM runs").fetchall() == [(run_id,)]


def _damaged(path: Path, error: Exception) -> DamagedError:
    what = f"is damaged ({str(error).splitlines()[0]})" if path.exists() else "is missing"
    return DamagedError(f"{path}: {what}; {rebuild_hint(path)}")


def require_database(layout: Layout, manifest: RunManifest) -> None:
    """Raise if the database is not what a run wrote; a flipped byte can give other values without an error.

    Raises
    ------
    DamagedError
        Naming the file and the cure.
    """
    require_written(layout.database, manifest.database, rebuild_hint(layout.database))


def rebuild_hint(path: Path) -> str:
    """Return the hint that repairs a missing or damaged database."""
    return f"rebuild it with 'dj-assets rebuild {path.parent}'"


@contextmanager
def new_database(path: Path, threads: int = 1) -> Iterator[duckdb.DuckDBPyConnection]:
    """Create a database and close it, whole, at the end; opening one takes as long as ten small queries."""
    connection = duckdb.connect(str(path), config={"threads": threads})
    try:
        yield connection
    finally:
        connection.close()


def build_database(
    connection: duckdb.DuckDBPyConnection,
    plan: Plan,
    files: Mapping[str, Sequence[Path]],
    outcome_table: pa.Table | ds.Dataset,
    against: MeasuredReference | None = None,
) -> None:
    """Build the database of a subset, without its funnel and its run.

    Parameters
    ----------
    connection
        A connection to the new database, which is empty.
    files
        The measured files of all source files, in file order, under `stats`, `rejects` and `signatures`; the members of
        the groups of every grouper under `members`.
    outcome_table
        One row for every measured sample that was not kept, with the columns of `replay.result.OUTCOME_SCHEMA`: shard,
        row, step index of the outcome, quarantined, kept_shard and kept_row (null except for duplicates), against (true
        if these are a position in the reference set), cluster_size.
    against
        The reference set, or None.
    """
    # outside of a transaction, each statement would be written to the disk and synced
    connection.begin()
    connection.execute(SCHEMA)
    connection.register("arrow_outcomes", outcome_table)
    connection.execute("CREATE TEMP TABLE outcomes AS SELECT * FROM arrow_outcomes")
    _stats(connection, files["stats"], native=_is_native(connection, files["stats"]), children=plan.makes_samples)
    connection.execute("CREATE TEMP TABLE rejects AS SELECT * FROM read_parquet(?)", [_names(files["rejects"])])
    add_duplicates(connection, plan, files.get("signatures", ()), against)
    _dropped(connection, plan)
    _quarantine(connection, plan)
    if plan.makes_samples:
        connection.execute(_SCHEMA_OF_CHILDREN)
        _expanded(connection, plan)
    if plan.groupers:
        connection.execute(_SCHEMA_OF_GROUPS)
        _grouped(connection, plan, files["members"])
    # the connection may stay open while refined files are written
    connection.execute("DROP TABLE outcomes; DROP TABLE rejects")
    connection.unregister("arrow_outcomes")
    connection.commit()


def add_run(
    connection: duckdb.DuckDBPyConnection, manifest: RunManifest, content: Mapping[str, object] | None = None
) -> None:
    """Add the funnel and the manifest of the run to a database that is not published yet.

    `content` is the JSON of a stored manifest, for a database that is rebuilt.
    """
    connection.begin()
    there = ended_tables(connection)
    makes, groups = "expanded" in there, "grouped" in there
    rows = []
    for number, step in enumerate(manifest.funnel):
        values = (step.operator, json.dumps(step.params), step.samples_in, step.samples_out, step.dropped)
        made = (step.created, step.expanded) if makes else ()
        grouped = (step.grouped,) if groups else ()
        row = [number, *values, step.quarantined, step.seconds, step.dropped_against, *made, *grouped]
        rows.append(Sql.of("({row})", row=bound(row)))
    if rows:
        Sql.of("INSERT INTO funnel VALUES {rows}", rows=joined(", ", rows)).execute(connection)
    row = [manifest.run_id, manifest.finished, json.dumps(content or manifest.as_json())]
    connection.execute("INSERT INTO runs VALUES (?, ?, ?)", row)
    connection.commit()


def export_table(database: Path, table: str, target: Path, file_number: int | None = None) -> None:
    """Write a table of a database, or its rows of one source file, as zstd Parquet."""
    with reading(database) as connection:
        relation = connection.table(table)
        if file_number is not None:
            relation = relation.filter(f"shard = {file_number}")
        if table in {"dropped", "quarantine"}:
            relation = relation.order("shard, row")
        relation.write_parquet(str(target), compression="zstd")


def ended_tables(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Return the tables that list the samples that are not kept."""
    # some have only the recipes that make samples from others
    names = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    return ("dropped", "quarantine", *(table for table in ("expanded", "grouped") if table in names))


def ended_samples(connection: duckdb.DuckDBPyConnection, columns: str = "shard, row") -> str:
    """Return SQL for the samples of a database that are not kept, with columns that all their tables have."""
    return " UNION ALL ".join(f"SELECT {columns} FROM {table}" for table in ended_tables(connection))  # noqa: S608


def count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    """Return the number of rows of a table."""
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - names of ours
    return int(row[0]) if row else 0


def _count(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> int:
    row = connection.execute("SELECT count(*) FROM read_parquet(?)", [_names(files)]).fetchone()
    return int(row[0]) if row else 0


def _is_native(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> bool:
    """Return whether the database contains the statistics; always true for an object store, which gets one file."""
    return any(url_of(file) is not None for file in files) or _count(connection, files) <= NATIVE_SAMPLES


def _stats(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], *, native: bool, children: bool = False
) -> None:
    """Create the table or view `stats` of all samples; children that were never created are not among them."""
    if native:
        connection.execute("CREATE TABLE stats AS SELECT * FROM read_parquet(?)", [_names(files)])
        if children:
            connection.execute(
                "DELETE FROM stats USING outcomes o WHERE o.fate = ? AND stats.shard = o.shard AND stats.row = o.row",
                [NEVER_CREATED],
            )
        return
    created = ""
    if children:
        connection.execute(
            "CREATE TABLE never_created AS SELECT shard, row FROM outcomes WHERE fate = ?", [NEVER_CREATED]
        )
        created = "ANTI JOIN never_created USING (shard, row)"
    query = "CREATE VIEW stats AS SELECT * FROM read_parquet({files}) {created}"
    Sql.of(query, files=literals(_names(files)), created=Sql(created)).execute(connection)


def _dropped(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    connection.execute(
        "INSERT INTO dropped SELECT shard, row, id, 'load', error, NULL, NULL FROM rejects WHERE step = -1 AND dropped"
    )
    _dropped_by_steps(connection, plan)
    connection.execute(
        """
        INSERT INTO dropped SELECT shard, row, id, operator,
            'duplicate of ' || kept_id || CASE WHEN against IS NULL THEN '' ELSE ' in ' || against || ' (against)' END,
            NULL, kept_id
        FROM duplicates
        """
    )


def _dropped_by_steps(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Add the samples that filters and selectors drop, with one query: of a small run, queries take most of the time.

    In the order of the steps, and within a step in that of the source.
    """
    labels, reasons, values = [], [], []
    for step in plan.steps:
        if isinstance(step.operator, Filter):
            condition, columns = step.operator.condition, step.columns
            reason, value = condition.reason(columns), condition.value(columns)
        elif isinstance(step.operator, Selector):
            reason, value = Sql("?", (step.operator.reason,)), _judged_value(step)
        else:
            continue
        labels.append(Sql.of("WHEN {index} THEN {label}", index=step.index, label=step.label))
        reasons.append(Sql.of("WHEN {index} THEN ({reason})::VARCHAR", index=step.index, reason=reason))
        values.append(Sql.of("WHEN {index} THEN ({value})::DOUBLE", index=step.index, value=value))
    if not labels:
        return
    query = """
        INSERT INTO dropped
        SELECT shard, row, id, CASE ended {labels} END AS label, CASE ended {reasons} END, CASE ended {values} END, NULL
        FROM stats JOIN (SELECT shard, row, fate AS ended FROM outcomes WHERE quarantined = FALSE) USING (shard, row)
        WHERE label IS NOT NULL ORDER BY ended, shard, row
    """
    cases = {name: joined(" ", parts) for name, parts in (("labels", labels), ("reasons", reasons), ("values", values))}
    Sql.of(query, **cases).execute(connection)


def _judged_value(step: Step) -> Sql:
    """Return the value that a selector judges as a double, null if it is no number."""
    columns = tuple(step.columns.values())
    return Sql(f"TRY_CAST({quoted(columns[0])} AS DOUBLE)" if columns else "NULL")


def _expanded(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    for step in plan.expanders:
        connection.execute(
            """
            INSERT INTO expanded
            SELECT s.shard, s.row, s.id, ?, count(c.row)
            FROM stats s JOIN outcomes o ON o.shard = s.shard AND o.row = s.row
                 LEFT JOIN stats c ON c.shard = s.shard AND c.parent_row = s.row
            WHERE o.fate = ? AND NOT o.quarantined GROUP BY ALL ORDER BY s.shard, s.row
            """,
            [step.label, step.index],
        )


def _grouped(connection: duckdb.DuckDBPyConnection, plan: Plan, members: Sequence[Path]) -> None:
    for step, file in zip(plan.groupers, members, strict=True):
        connection.execute(
            """
            INSERT INTO grouped
            SELECT s.shard, s.row, s.id, ?, ?, m.aggregate, a.id
            FROM read_parquet(?) m JOIN stats s USING (shard, row)
                 LEFT JOIN stats a ON a.shard = ? AND a.row = m.aggregate
            ORDER BY s.shard, s.row
            """,
            [step.label, number_of_aggregates(step.index), str(file), number_of_aggregates(step.index)],
        )


def _quarantine(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    connection.execute(
        "INSERT INTO quarantine SELECT shard, row, id, 'load', error FROM rejects WHERE step = -1 AND NOT dropped"
    )
    if not plan.steps:
        return
    labels = [Sql.of("WHEN {index} THEN {label}", index=step.index, label=step.label) for step in plan.steps]
    query = """
        INSERT INTO quarantine SELECT r.shard, r.row, r.id, CASE r.step {labels} END AS label, r.error
        FROM rejects r JOIN outcomes f ON f.shard = r.shard AND f.row = r.row AND f.fate = r.step AND f.quarantined
        WHERE label IS NOT NULL ORDER BY r.step, r.shard, r.row
    """
    Sql.of(query, labels=joined(" ", labels)).execute(connection)


def _names(files: Sequence[Path]) -> list[str]:
    return [str(file) for file in files]
