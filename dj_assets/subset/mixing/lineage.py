"""The origin of every sample of a mix: its position in a subset, and the statistics that this subset has of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from dj_assets.errors import UserError
from dj_assets.home.identity import IN_FILE_ORDER
from dj_assets.home.layout import Layout
from dj_assets.home.mixed_share import MixedShare
from dj_assets.home.run_manifest import PublishedFile, RunManifest
from dj_assets.operators.sql import Sql, quoted
from dj_assets.publish.database import NATIVE_SAMPLES, SCHEMA, ended_samples, reading
from dj_assets.stores.copies import at_hand
from dj_assets.subset.mixing.amounts import Numbers, Taken

_POSITION = ("shard", "row", "id")


def positions(layout: Layout, manifest: RunManifest) -> tuple[Numbers, Numbers]:
    """Return file number and row of every refined sample of a subset, in order, both int64, shape (samples,).

    Raises
    ------
    DamagedError
        If the database of the subset cannot be read.
    UserError
        If it has other samples than the refined files.
    """
    with reading(layout.database) as connection:
        # children of a record are where it was
        query = "SELECT shard, row FROM stats ANTI JOIN ({ended}) USING (shard, row) ORDER BY shard, {order}"
        chosen = Sql.of(query, ended=Sql(ended_samples(connection)), order=Sql(IN_FILE_ORDER))
        kept = chosen.execute(connection).fetchnumpy()
    shards, rows = (np.asarray(kept[name]).astype(np.int64) for name in ("shard", "row"))
    parts = [_rows_of(layout, part, shards, rows) for part in manifest.refined]
    numbers = [np.full(part.samples, part.number, np.int64) for part in manifest.refined]
    return np.concatenate([np.empty(0, np.int64), *numbers]), np.concatenate([np.empty(0, np.int64), *parts])


def _rows_of(layout: Layout, part: PublishedFile, shards: Numbers, rows: Numbers) -> Numbers:
    begin, end = np.searchsorted(shards, [part.number, part.number + 1])
    if end - begin != part.samples:
        problem = f"its database keeps {end - begin:,} samples of {part.name}, which has {part.samples:,}"
        raise UserError(f"{layout.location}: {problem}; run the subset again")
    return rows[begin:end]


@dataclass(frozen=True)
class Placed:
    """Hold the samples that a mix takes of a subset: the layout of the subset, the share, and for each sample numbers.

    `taken` are the samples by their numbers in the subset, `slots` their places in the mix, `positions` file number and
    row of all samples of the subset, see `positions`.
    """

    layout: Layout
    share: MixedShare
    taken: Taken
    slots: Numbers
    positions: tuple[Numbers, Numbers]

    def table(self, number: int, parts: Sequence[PublishedFile]) -> pa.Table:
        """Return positions in the refined files of the mix, positions in the subset, and the number of the subset."""
        first = np.cumsum([0, *(part.samples for part in parts)])
        files = np.array([part.number for part in parts], np.int64)
        file = np.searchsorted(first, self.slots, side="right") - 1
        columns = {"shard": files[file], "row": self.slots - first[file], "epoch": self.taken.epochs}
        columns |= {f"subset_{name}": self.positions[at][self.taken.rows] for at, name in enumerate(("shard", "row"))}
        columns |= {"number": np.full(len(self.slots), number, np.int64)}
        return pa.table({name: pa.array(column, pa.int64()) for name, column in columns.items()})


def write_lineage(path: Path, subsets: Sequence[Placed], parts: Sequence[PublishedFile]) -> None:
    """Write the database of a mix: `lineage`, `stats` with the statistics of the subsets, and `mix`, its shares.

    `parts` are the refined files of the mix.
    """
    tables = [subset.table(number, parts) for number, subset in enumerate(subsets)]
    connection = duckdb.connect(str(path), config={"threads": 1})
    try:
        connection.execute(SCHEMA)
        connection.register("taken", pa.concat_tables(tables))
        databases = [at_hand(subset.layout.database) for subset in subsets]
        _write(connection, databases, [subset.share for subset in subsets])
    finally:
        connection.close()


def add_runs(path: Path, manifest: RunManifest) -> None:
    """Add the manifest of a mix to its database."""
    with duckdb.connect(str(path)) as connection:
        row = [manifest.run_id, manifest.finished, manifest.model_dump_json(by_alias=True)]
        connection.execute("INSERT INTO runs VALUES (?, ?, ?)", row)


def _write(connection: duckdb.DuckDBPyConnection, databases: Sequence[Path], shares: Sequence[MixedShare]) -> None:
    connection.register("shares", pa.Table.from_pylist([share.model_dump() for share in shares]))
    connection.execute("CREATE TABLE mix AS SELECT * FROM shares")
    # two subsets of a mix can be one folder, by two names
    attached = {path: f"subset_{number}" for number, path in enumerate(dict.fromkeys(databases))}
    for path, name in attached.items():
        literal = str(path).replace("'", "''")
        connection.execute(f"ATTACH '{literal}' AS {name} (READ_ONLY)")
    names = [attached[path] for path in databases]
    columns = [_columns(connection, name) for name in names]
    joined = " UNION ALL ".join(
        f"SELECT t.*, s.id FROM taken t JOIN {name}.stats s ON s.shard = t.subset_shard AND s.row = t.subset_row "  # noqa: S608
        f"WHERE t.number = {number}"
        for number, name in enumerate(names)
    )
    connection.execute(
        "CREATE TABLE lineage AS SELECT l.shard, l.row, l.id, m.subset, m.run_id AS subset_run, l.subset_shard, "  # noqa: S608
        f"l.subset_row, l.epoch FROM ({joined}) l JOIN (SELECT *, row_number() OVER () - 1 AS number FROM mix) m "
        "USING (number) ORDER BY l.shard, l.row"
    )
    if sum(share.samples for share in shares) <= NATIVE_SAMPLES:
        statistics = " UNION ALL BY NAME ".join(
            f"SELECT t.shard, t.row, s.id{_selected(own, columns)} FROM taken t "  # noqa: S608
            f"JOIN {name}.stats s ON s.shard = t.subset_shard AND s.row = t.subset_row WHERE t.number = {number}"
            for number, (name, own) in enumerate(zip(names, columns, strict=True))
        )
        connection.execute(f"CREATE TABLE stats AS SELECT * FROM ({statistics}) ORDER BY shard, row")  # noqa: S608


def _columns(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, str]:
    described = connection.execute(f"DESCRIBE {name}.stats").fetchall()
    return {str(row[0]): str(row[1]) for row in described if row[0] not in _POSITION}


def _selected(own: Mapping[str, str], columns: Sequence[Mapping[str, str]]) -> str:
    """Return the statistics of a subset as columns; one that has several types among the subsets becomes text."""
    types = {name: {other[name] for other in columns if name in other} for name in own}
    texts = (
        f"s.{quoted(name)}" if len(types[name]) == 1 else f"s.{quoted(name)}::VARCHAR AS {quoted(name)}" for name in own
    )
    return "".join(f", {text}" for text in texts)
