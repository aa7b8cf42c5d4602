"""The DuckDB file of a subset: statistics, fates, funnel and runs, built aside and never written again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from dj_assets.errors import DamagedError
from dj_assets.home.damage import Sum
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import require_written
from dj_assets.operators.base import Filter
from dj_assets.operators.conditions import Sql
from dj_assets.publish.duplicates import MeasuredReference, add_duplicates
from dj_assets.recipe.plan import Plan, Step
from dj_assets.stores.copies import at_hand
from dj_assets.urls import url_of

# Above this many samples `stats` is a view over the Parquet files: a native copy would double the disk it takes.
NATIVE_SAMPLES = 20_000_000

_DAMAGED = (duckdb.IOException, duckdb.FatalException, duckdb.InternalException, duckdb.SerializationException)

_SCHEMA = """
CREATE TABLE dropped (shard INTEGER, row BIGINT, id VARCHAR, operator VARCHAR, reason VARCHAR, value DOUBLE,
                      kept_id VARCHAR);
CREATE TABLE duplicates (operator VARCHAR, shard INTEGER, row BIGINT, id VARCHAR, kept_shard INTEGER, kept_row BIGINT,
                         kept_id VARCHAR, cluster_size INTEGER, distance DOUBLE, against VARCHAR);
CREATE TABLE quarantine (shard INTEGER, row BIGINT, id VARCHAR, operator VARCHAR, error VARCHAR);
CREATE TABLE funnel (step INTEGER, operator VARCHAR, params VARCHAR, samples_in BIGINT, samples_out BIGINT,
                     dropped BIGINT, quarantined BIGINT, seconds DOUBLE, dropped_against BIGINT);
CREATE TABLE runs (run_id VARCHAR, finished VARCHAR, manifest VARCHAR);
"""


@contextmanager
def reading(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a published database read-only; a run that publishes meanwhile is not in the way.

    Raises
    ------
    DamagedError
        If it is missing or damaged, also where that shows only while it is read.
    """
    connection = open_database(path)
    try:
        yield connection
    except _DAMAGED as error:
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
    config: dict[str, str | bool | int | float | list[str]] = {} if threads is None else {"threads": threads}
    try:
        return duckdb.connect(str(at_hand(path)), read_only=True, config=config)
    except _DAMAGED as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DamagedError:
    what = f"is damaged ({str(error).splitlines()[0]})" if path.exists() else "is missing"
    return DamagedError(f"{path}: {what}; {rebuild_hint(path)}")


def require_database(layout: Layout, manifest: Mapping[str, Any]) -> None:
    """Raise where the database is not what a run wrote; a flipped byte can give other values without an error.

    Raises
    ------
    DamagedError
        Naming the file and the cure.
    """
    written = Sum(manifest.get("database_bytes", 0), manifest.get("database_crc32"))
    require_written(layout.database, written, rebuild_hint(layout.database))


def rebuild_hint(path: Path) -> str:
    """Return what mends a damaged database."""
    return f"make it anew with 'dj-assets rebuild {path.parent}'"


def build_database(
    path: Path,
    plan: Plan,
    files: Mapping[str, Sequence[Path]],
    fates: pa.Table | ds.Dataset,
    against: MeasuredReference | None = None,
    *,
    threads: int = 1,
) -> None:
    """Build the database of a subset, all but its funnel and its run.

    Parameters
    ----------
    path
        Where to; must not exist yet.
    files
        The measured files of all source files, in file order, under `stats`, `rejects` and `signatures`.
    fates
        One row for every measured sample that was not kept: shard, row, fate (step index), quarantined, kept_shard,
        kept_row (null but for duplicates), against (whether these are places in the reference set), cluster_size.
    against
        The reference set, where there is one.
    """
    connection = duckdb.connect(str(path), config={"threads": threads})
    try:
        connection.execute(_SCHEMA)
        _stats(connection, files["stats"], native=_is_native(connection, files["stats"]))
        connection.register("arrow_fates", fates)
        connection.execute("CREATE TEMP TABLE fates AS SELECT * FROM arrow_fates")
        connection.execute("CREATE TEMP TABLE rejects AS SELECT * FROM read_parquet(?)", [_names(files["rejects"])])
        add_duplicates(connection, plan, files.get("signatures", ()), against)
        _dropped(connection, plan)
        _quarantine(connection, plan)
    finally:
        connection.close()


def add_run(path: Path, funnel: Sequence[Mapping[str, Any]], manifest: Mapping[str, Any]) -> None:
    """Add the funnel and the manifest of the run to a database that is not published yet."""
    connection = duckdb.connect(str(path))
    try:
        for number, step in enumerate(funnel):
            values = (step["operator"], json.dumps(step["params"]), step["in"], step["out"], step["dropped"])
            row = [number, *values, step["quarantined"], step["seconds"], step["dropped_against"]]
            connection.execute("INSERT INTO funnel VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        row = [manifest["run_id"], manifest["finished"], json.dumps(manifest)]
        connection.execute("INSERT INTO runs VALUES (?, ?, ?)", row)
    finally:
        connection.close()


def export_table(database: Path, table: str, target: Path, file_number: int | None = None) -> None:
    """Write a table of a database, or its rows of one source file, as zstd Parquet."""
    where = "" if file_number is None else f"WHERE shard = {int(file_number)}"
    order = "ORDER BY shard, row" if table in {"dropped", "quarantine"} else ""
    with reading(database) as connection:
        relation = connection.sql(f'SELECT * FROM "{table}" {where} {order}')  # noqa: S608 - names of ours
        relation.write_parquet(str(target), compression="zstd")


def _count(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> int:
    found = connection.execute("SELECT count(*) FROM read_parquet(?)", [_names(files)]).fetchone()
    return int(found[0]) if found else 0


def _is_native(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> bool:
    """Return whether the database holds the statistics itself; what goes into an object store must, it goes whole."""
    return any(url_of(file) is not None for file in files) or _count(connection, files) <= NATIVE_SAMPLES


def _stats(connection: duckdb.DuckDBPyConnection, files: Sequence[Path], *, native: bool) -> None:
    if native:
        connection.execute("CREATE TABLE stats AS SELECT * FROM read_parquet(?)", [_names(files)])
        return
    listed = ", ".join("'" + name.replace("'", "''") + "'" for name in _names(files))
    connection.execute(f"CREATE VIEW stats AS SELECT * FROM read_parquet([{listed}])")  # noqa: S608 - quoted above


def _dropped(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    connection.execute(
        "INSERT INTO dropped SELECT shard, row, id, 'load', error, NULL, NULL FROM rejects WHERE step = -1 AND dropped"
    )
    for step in plan.steps:
        if isinstance(step.operator, Filter):
            _dropped_by_filter(connection, step, step.operator)
    connection.execute(
        """
        INSERT INTO dropped SELECT shard, row, id, operator,
            'duplicate of ' || kept_id || CASE WHEN against IS NULL THEN '' ELSE ' in ' || against || ' (against)' END,
            NULL, kept_id
        FROM duplicates
        """
    )


def _dropped_by_filter(connection: duckdb.DuckDBPyConnection, step: Step, operator: Filter) -> None:
    reason: Sql = operator.condition.reason(step.columns)
    value: Sql = operator.condition.value(step.columns)
    connection.execute(
        f"""
        INSERT INTO dropped
        SELECT shard, row, id, ?, {reason.text}, {value.text}, NULL FROM stats JOIN fates USING (shard, row)
        WHERE fate = ? AND NOT quarantined ORDER BY shard, row
        """,  # noqa: S608 - conditions bind their values
        [step.label, *reason.parameters, *value.parameters, step.index],
    )


def _quarantine(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    connection.execute(
        "INSERT INTO quarantine SELECT shard, row, id, 'load', error FROM rejects WHERE step = -1 AND NOT dropped"
    )
    for step in plan.steps:
        connection.execute(
            """
            INSERT INTO quarantine SELECT r.shard, r.row, r.id, ?, r.error
            FROM rejects r JOIN fates f ON f.shard = r.shard AND f.row = r.row AND f.fate = r.step AND f.quarantined
            WHERE r.step = ?
            """,
            [step.label, step.index],
        )


def _names(files: Sequence[Path]) -> list[str]:
    return [str(file) for file in files]
