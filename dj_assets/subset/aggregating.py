"""Samples made of many: form the groups of every grouper, and measure the aggregates like the samples of a file.

Which samples a group has depends on thresholds, so groups are formed after the samples before them are measured and
judged. Only aggregates are measured again for another threshold, and only if their members differ.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dj_assets.errors import UserError
from dj_assets.home.damage import Sum
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import FileManifest, measured_files, require_measured
from dj_assets.home.numbering import number_of_aggregates
from dj_assets.home.writing import ParquetFileWriter
from dj_assets.measure.measured_source import MeasuredSource
from dj_assets.measure.progress import silent
from dj_assets.measure.work import Task
from dj_assets.operators.base import Grouper
from dj_assets.operators.sql import Sql, quoted
from dj_assets.operators.views.group_members import GROUP, MEMBERS, member_type, text_name
from dj_assets.recipe.plan import Plan, Step, digest
from dj_assets.replay.near_pairs import is_stored, store
from dj_assets.replay.result import ReplayResult
from dj_assets.sources.fields import SAMPLE_NAME
from dj_assets.sources.other_texts import texts_or_nulls
from dj_assets.sources.sources import SourceFile
from dj_assets.stores.copies import at_hand
from dj_assets.subset.context import SubsetContext

# Arrow's texts of a list hold at most as many bytes together.
_MOST_BYTES = (1 << 31) - 1
_ROWS_AT_ONCE = 1 << 14


@dataclass(frozen=True)
class Groups:
    """Hold the groups that a grouper forms of measured files; `key` identifies what they depend on."""

    plan: Plan
    step: Step
    layout: Layout
    manifests: Sequence[FileManifest]
    key: str

    @classmethod
    def of(cls, plan: Plan, step: Step, layout: Layout, manifests: Sequence[FileManifest], version: str) -> Groups:
        """Return the groups of a grouper; `version` identifies what is measured of the files."""
        before = plan.before(step)
        keys = _member_keys(plan, step)
        read = [keys[0]] if len(keys) == 1 else [[*keys]]
        forming = [plan.recipe.text_key, grouper(step).model_dump(mode="json"), *read]
        key = digest([version, before.refined_hash, step.identity, forming])
        return cls(plan, step, layout, manifests, key)

    @property
    def number(self) -> int:
        """Return the number of the file of the aggregates."""
        return number_of_aggregates(self.step.index)

    @property
    def stored(self) -> bool:
        """Return whether the groups are formed already, and are not damaged."""
        groups = self.layout.groups(self.number)
        return at_hand(groups).exists() and is_stored(self.layout.members(self.number), self._key_with(groups))

    def _key_with(self, groups: Path) -> bytes:
        """Return the key under which the members are stored: it also names the content of the file of groups."""
        return digest([self.key, *Sum.of(groups)]).encode()

    def write(self, before: ReplayResult, threads: int) -> None:
        """Form the groups of the samples that the steps before the grouper keep."""
        require_measured(self.layout, self.manifests, ("cleaned", "stats"))
        groups = self.layout.groups(self.number)
        groups.parent.mkdir(parents=True, exist_ok=True)
        with (
            _emptied(self.layout.work / "under_way" / "groups") as folder,
            duckdb.connect(config={"threads": threads, "temp_directory": str(folder)}) as connection,
        ):
            self._form(connection, before)
            files = [[str(path) for path in self._texts(folder, key)] for key in self._keys]
            self._require_texts(connection, files)
            names = [text_name(number) for number in range(len(files))]
            # a member without the field, such as one whose call failed, has an empty text
            columns = ", ".join(f"coalesce({name}.text, '') AS {name}" for name in names)
            joins = " ".join(f"JOIN read_parquet(?) {name} USING (shard, row)" for name in names)
            query = (
                f"SELECT aggregate, m.id, {columns}, CAST(value AS VARCHAR) AS value "  # noqa: S608 - names of ours
                f"FROM members m {joins} ORDER BY aggregate, sample"
            )
            schema = self._schema()
            with ParquetFileWriter(groups, schema) as writer:
                for pieces in _by_group(connection.sql(query, params=files).to_arrow_reader(_ROWS_AT_ONCE)):
                    writer.write(self._made(pieces, schema))
            members = connection.sql("SELECT shard, row, aggregate FROM members ORDER BY sample")
            # written last: its key says that the groups are there
            store(self.layout.members(self.number), members.to_arrow_reader(), self._key_with(groups))

    def _form(self, connection: duckdb.DuckDBPyConnection, before: ReplayResult) -> None:
        """Create the table `members`: every sample that is left, with the number of its group."""
        stats = measured_files(self.layout, "stats", self.manifests)
        value = next(iter(self.step.columns.values()), None)
        connection.register("ended", before.outcome_table)
        connection.execute("CREATE TEMP TABLE samples (sample BIGINT, shard INTEGER, row BIGINT, id VARCHAR)")
        connection.execute(f"ALTER TABLE samples ADD COLUMN value {_type_of(stats, value)}")
        first = 0
        for path in stats:
            query = """
                INSERT INTO samples SELECT {first} + file_row_number, shard, row, id, {value}
                FROM read_parquet({file}, file_row_number = true) ANTI JOIN ended USING (shard, row)
            """
            taken = Sql(quoted(value) if value else "NULL")
            Sql.of(query, first=first, value=taken, file=str(path)).execute(connection)
            first += pq.read_metadata(path).num_rows
        query = """
            CREATE TEMP TABLE members AS
            SELECT sample, shard, row, id, value, dense_rank() OVER (ORDER BY first) - 1 AS aggregate
            FROM (SELECT sample, min(sample) OVER (PARTITION BY g."group") AS first FROM ({grouping}) g)
                 JOIN samples USING (sample)
        """
        Sql.of(query, grouping=grouper(self.step).grouping).execute(connection)
        self._require_all(connection)

    def _require_all(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Raise unless every sample is in one group."""
        ((samples, rows, distinct),) = connection.execute(
            "SELECT (SELECT count(*) FROM samples), count(*), count(DISTINCT sample) FROM members"
        ).fetchall()
        if not samples == rows == distinct:
            raise UserError(
                f"{self.plan.recipe.file}: {self.step.label} puts {distinct} of {samples} samples into groups, "
                f"in {rows} places; each sample belongs to one group"
            )

    def _require_texts(self, connection: duckdb.DuckDBPyConnection, files: Sequence[Sequence[str]]) -> None:
        """Raise for a field in which no member has a text: its name is wrong."""
        for key, paths in zip(self._keys, files, strict=True):
            query = "SELECT count(*), count(text) FROM members JOIN read_parquet(?) USING (shard, row)"
            ((members, texts),) = connection.execute(query, [[*paths]]).fetchall()
            if members and not texts:
                problem = f"of the {members} samples in groups, none has a text under the key {key!r} of an aggregator"
                raise UserError(f"{self.plan.recipe.file}: {self.step.label}: {problem}")

    @property
    def _keys(self) -> tuple[str | None, ...]:
        return _member_keys(self.plan, self.step)

    def _texts(self, folder: Path, key: str | None) -> list[Path]:
        """Return Parquet files with the texts of all samples: their own, or those of a field."""
        cleaned = measured_files(self.layout, "cleaned", self.manifests)
        if key is None:
            return cleaned
        require_measured(self.layout, self.manifests, ("fields",))
        paths = []
        for manifest, fields in zip(self.manifests, measured_files(self.layout, "fields", self.manifests), strict=True):
            path = folder / f"{self._keys.index(key)}_{manifest.number}.parquet"
            with pq.ParquetWriter(path, _TEXTS) as writer:
                for batch in pq.ParquetFile(fields).iter_batches(_ROWS_AT_ONCE):
                    shard = pa.repeat(pa.scalar(manifest.number, pa.int32()), len(batch))
                    columns = [shard, batch["row"], texts_or_nulls(batch["fields"], key)]
                    writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=_TEXTS))
            paths.append(path)
        return paths

    def _schema(self) -> pa.Schema:
        group = [pa.field(GROUP, pa.string())] if self.step.columns else []
        return pa.schema(
            [
                pa.field(SAMPLE_NAME, pa.string()),
                pa.field(self.plan.recipe.text_key, pa.string()),
                pa.field(MEMBERS, pa.list_(member_type(len(self._keys)))),
                *group,
            ]
        )

    def _made(self, pieces: Sequence[pa.RecordBatch], schema: pa.Schema) -> pa.RecordBatch:
        """Return whole groups as the samples that the aggregator reads."""
        names = [text_name(number) for number in range(len(self._keys))]
        if any(sum(piece[name].nbytes for piece in pieces) > _MOST_BYTES for name in names):
            raise UserError(
                f"{self.plan.recipe.file}: {self.step.label} forms a group with more than 2 GB of text, which is too "
                "much for one sample; form smaller groups, as with fixed_size_grouper"
            )
        rows = pa.concat_batches(pieces)
        first = np.unique(rows["aggregate"].to_numpy(), return_index=True)[1]
        offsets = pa.array([*first.tolist(), len(rows)], pa.int32())
        ids, *texts = (rows[name].cast(pa.string()) for name in ("id", *names))
        member = member_type(len(texts))
        members = pa.StructArray.from_arrays([ids, *texts], fields=[*member])
        listed = pa.ListArray.from_arrays(offsets, ids).to_pylist()
        columns = [
            pa.array(map(id_of_aggregate, listed), pa.string()),
            pa.repeat(pa.scalar("", pa.string()), len(first)),
            pa.ListArray.from_arrays(offsets, members, type=pa.list_(member)),
        ]
        if GROUP in schema.names:
            columns.append(rows["value"].cast(pa.string()).take(pa.array(first)))
        return pa.RecordBatch.from_arrays(columns, schema=schema)


_TEXTS = pa.schema([("shard", pa.int32()), ("row", pa.int64()), ("text", pa.string())])


def id_of_aggregate(members: Sequence[str]) -> str:
    """Return the name of an aggregate, a hash of the names of its members in their order.

    Examples
    --------
    >>> id_of_aggregate(["a", "b"])
    '7e18f737311b2dc3b2f269dd78396b03'
    """
    return hashlib.sha256("\n".join(members).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def grouper(step: Step) -> Grouper:
    """Return the grouper of a step.

    Raises
    ------
    TypeError
        If the operator of the step is no grouper.
    """
    if not isinstance(step.operator, Grouper):
        raise TypeError(f"{step.label} forms no groups")
    return step.operator


def measure_aggregates(subset: SubsetContext, groups: Groups, stage: int) -> FileManifest:
    """Measure the aggregates of groups, where they are not up to date; return the manifest of their file."""
    file = SourceFile.at(groups.layout.groups(groups.number))
    frequent = subset.corpus.counted()
    key = subset.corpus.measure_key(frequent)
    source = MeasuredSource((file,), subset.layout, key, subset.recipe.text_key, aggregates=groups.number)
    task = Task.of_stage(subset.plan, stage, subset.options.models, frequent)
    # refining asks again: an engine is opened only if there is work for it
    manifests = (
        source.measured_already() or source.measure_files(task, subset.engine_for([file]), silent, {file.path})[0]
    )
    return manifests[0]


@contextmanager
def _emptied(folder: Path) -> Iterator[Path]:
    """Make a folder, without what a killed process left in it, and remove it at the end."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # others are at work there
            folder.parent.rmdir()


def _member_keys(plan: Plan, step: Step) -> tuple[str | None, ...]:
    """Return the fields whose texts the aggregators of a grouper read, each once; None is the text of the recipe."""
    return tuple(dict.fromkeys(operator.members_key for operator in plan.aggregators(step)))


def _type_of(stats: Sequence[Path], column: str | None) -> str:
    """Return the DuckDB type of a column of Parquet files."""
    if column is None:
        return "VARCHAR"
    kind = pq.read_schema(stats[0]).field(column).type
    return str(duckdb.from_arrow(pa.table({"value": pa.array([], kind)})).types[0])


def _by_group(rows: pa.RecordBatchReader) -> Iterator[list[pa.RecordBatch]]:
    """Yield rows that are sorted by group in pieces of whole groups."""
    pieces: list[pa.RecordBatch] = []
    for batch in rows:
        if not len(batch):
            continue
        numbers = batch["aggregate"].to_numpy()
        if pieces and numbers[0] != pieces[-1]["aggregate"][-1].as_py():
            yield pieces
            pieces = []
        last = int(np.searchsorted(numbers, numbers[-1]))
        if last:
            yield [*pieces, batch.slice(0, last)]
            pieces = []
        pieces.append(batch.slice(last))
    if pieces:
        yield pieces
