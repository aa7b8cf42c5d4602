"""The table `duplicates`: every dropped duplicate with its kept duplicate and the distance between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb
import pyarrow as pa

from dj_assets.operators.base import Deduplicator
from dj_assets.operators.sql import Sql, literals, quoted
from dj_assets.recipe.plan import Plan, Step


@dataclass(frozen=True)
class MeasuredReference:
    """Hold a measured reference set: the names of its files, keyed by number, and their measured files in order."""

    names: Mapping[int, str]
    stats: Sequence[Path]
    signatures: Sequence[Path]


def add_duplicates(
    connection: duckdb.DuckDBPyConnection, plan: Plan, signatures: Sequence[Path], against: MeasuredReference | None
) -> None:
    """Fill the table `duplicates` from the tables `stats` and `outcomes`.

    The column `against` names the file of a kept duplicate in the reference set; it is null for a kept duplicate in the
    subset itself. The column `distance` is computed by `Deduplicator.distance`.
    """
    if not plan.deduplicators:
        return
    for step in plan.deduplicators:
        own = Sql("SELECT shard, row, id, NULL AS file FROM stats")
        _signed(connection, Sql("own"), own, signatures, step)
        _add(connection, step, "own")
        if against is not None:
            _signed(connection, Sql("reference"), _ids(connection, against), against.signatures, step)
            _add(connection, step, "reference")


def _ids(connection: duckdb.DuckDBPyConnection, reference: MeasuredReference) -> Sql:
    numbers, files = list(reference.names), list(reference.names.values())
    names = {"shard": pa.array(numbers, pa.int32()), "file": pa.array(files, pa.string())}
    connection.register("reference_names", pa.table(names))
    query = "SELECT shard, row, id, file FROM read_parquet({files}) JOIN reference_names USING (shard)"
    return Sql.of(query, files=literals(map(str, reference.stats)))


def _signed(connection: duckdb.DuckDBPyConnection, view: Sql, ids: Sql, signatures: Sequence[Path], step: Step) -> None:
    """Create a view of samples with their signature; a file of signatures is named by the number of its source file."""
    signed = Sql.of(
        "SELECT parse_filename(filename, true)::INTEGER AS shard, row, {signature} AS signature"
        " FROM read_parquet({files}, filename = true)",
        signature=Sql(quoted(step.vector or step.signature)),
        files=literals(map(str, signatures)),
    )
    query = "CREATE OR REPLACE TEMP VIEW {view} AS SELECT * FROM ({ids}) JOIN ({signed}) USING (shard, row)"
    Sql.of(query, view=view, ids=ids, signed=signed).execute(connection)


def _add(connection: duckdb.DuckDBPyConnection, step: Step, kept_in: Literal["own", "reference"]) -> None:
    assert isinstance(step.operator, Deduplicator)  # noqa: S101 - the plan lists those only
    query = """
        INSERT INTO duplicates
        SELECT {label}, f.shard, f.row, own.id, f.kept_shard, f.kept_row, kept.id, f.cluster_size, {distance}, kept.file
        FROM outcomes f
        JOIN own ON own.shard = f.shard AND own.row = f.row
        JOIN {kept_in} kept ON kept.shard = f.kept_shard AND kept.row = f.kept_row
        WHERE f.fate = {index} AND NOT f.quarantined AND f.against = {against} ORDER BY f.shard, f.row
    """
    distance = Sql(step.operator.distance("own.signature", "kept.signature"))
    against = kept_in == "reference"
    Sql.of(query, label=step.label, distance=distance, kept_in=Sql(kept_in), index=step.index, against=against).execute(
        connection
    )
