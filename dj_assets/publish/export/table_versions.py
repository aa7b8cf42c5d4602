"""Exports as a table of Lance, Delta or Iceberg: every export is a new version of the table, which names its run.

The libraries make a version visible in one step, once all its rows are written. Until then readers get the old one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
import pyarrow as pa

from dj_assets.errors import UserError
from dj_assets.home.disk import disk_faults
from dj_assets.home.json_files import read_json, write_json
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import require_refined
from dj_assets.home.publication import Publication
from dj_assets.home.run_manifest import RunManifest
from dj_assets.publish.export.portable_types import portable, portable_schema
from dj_assets.publish.export.refined_samples import RefinedSamples, published_run, require_newest, table_types
from dj_assets.recipe.export_formats import ExportFormat
from dj_assets.urls import url_of

if TYPE_CHECKING:
    from pyiceberg.table import Table, Transaction

# The library of each format, and the extra that installs it.
_LIBRARIES: Mapping[str, tuple[str, str]] = {
    "lance": ("lance", "lance"),
    "delta": ("deltalake", "delta"),
    "iceberg": ("pyiceberg", "iceberg"),
}
VERSION_FORMATS = frozenset(_LIBRARIES)
# The namespace of the table in the catalog of Iceberg, and the name of the catalog.
NAMESPACE = "dj_assets"
CATALOG = "catalog.db"

_OWN = ".export"
_BATCH_BYTES = 4_000_000


@dataclass(frozen=True)
class ExportedVersion:
    """Hold the folder of a table, the number or id of the new version, and the number of its samples."""

    folder: Path
    version: str
    samples: int


@dataclass(frozen=True)
class TableExport:
    """Write the published refined subset of a layout as a new version of a table in a folder.

    Files of the table have about `shard_bytes`. Earlier versions stay until the library removes them (`vacuum` of
    Delta, `cleanup_old_versions` of Lance, `expire_snapshots` of Iceberg).
    """

    layout: Layout
    folder: Path
    format: ExportFormat
    shard_bytes: int

    def run(self, *, overwrite: bool = False) -> ExportedVersion:
        """Write the rows, then make the version visible.

        Raises
        ------
        UserError
            If the library is missing, nothing is published, the folder is in an object store, or it contains other
            files or the table of another subset.
        """
        _require_library(self.format)
        if (url := url_of(self.folder)) is not None:
            raise UserError(f"{url}: the format {self.format} is written to a folder of this machine; name one")
        since = Publication.of(self.layout)
        manifest = published_run(self.layout)
        require_refined(self.layout, manifest, manifest.refined)
        with disk_faults(self.folder), self._alone():
            self._require_ours(manifest, overwrite=overwrite)
            rows = _Rows(self.layout, manifest, since)
            write: Callable[[TableExport, _Rows], str] = _WRITERS[self.format]
            with rows.clear_errors():
                version = write(self, rows)
        return ExportedVersion(self.folder, version, rows.samples)

    @property
    def _claim_file(self) -> Path:
        return self.folder / _OWN / "claim.json"

    def _require_ours(self, manifest: RunManifest, *, overwrite: bool) -> None:
        """Claim the folder for a table of this format and subset."""
        claim, known = {"format": self.format, "name": manifest.name}, read_json(self._claim_file)
        others = sorted(path.name for path in self.folder.iterdir() if path.name != _OWN)
        if others and (known is None or known["format"] != self.format):
            raise UserError(f"{self.folder}: holds other files ({others[0]}); choose a new folder")
        if others and known != claim and not overwrite:
            raise UserError(
                f"{self.folder}: holds the table of {known and known['name']}; pass --overwrite to replace it"
            )
        write_json(self._claim_file, claim)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        (self.folder / _OWN).mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(self.folder / _OWN / ".lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            raise UserError(f"{self.folder}: another export is at work there; wait for it or stop it") from None
        try:
            yield
        finally:
            lock.release()


class _Rows:
    """The rows of an export as a stream, which a library reads once; `samples` counts those that it has read."""

    def __init__(self, layout: Layout, manifest: RunManifest, since: Publication) -> None:
        self.manifest, self.samples = manifest, 0
        self._since = since
        self._layout = layout
        self._batches = self._read()
        first = next(self._batches)
        self.schema = portable_schema(first.schema)
        self._first = first
        self._error: BaseException | None = None

    @property
    def names(self) -> dict[str, str]:
        """Return what a version says about its run."""
        run = self.manifest
        names = {"subset": run.name, "run_id": run.run_id, "result_key": run.result_key, "finished": run.finished}
        return {f"dj_assets.{name}": value for name, value in names.items()}

    def stream(self) -> pa.RecordBatchReader:
        """Return the rows in portable types."""
        return pa.RecordBatchReader.from_batches(self.schema, self._portable())

    @contextmanager
    def clear_errors(self) -> Iterator[None]:
        """Raise an error of reading as it was: a library gives it on as one of its own."""
        try:
            yield
        except Exception as error:
            if self._error is None:
                raise
            raise self._error from error

    def _read(self) -> Iterator[pa.RecordBatch]:
        source = RefinedSamples(self._layout, self.manifest, _BATCH_BYTES, table_types(self._layout))
        for samples, _ in source.after():
            yield samples.table()

    def _portable(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in chain([self._first], self._batches):
                yield self._counted(batch)
            # the library makes the version visible after the last row
            require_newest(self._layout, self.manifest, self._since)
        except Exception as error:
            self._error = error
            raise

    def _counted(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        self.samples += len(batch)
        return portable(batch, self.schema)


def _require_library(format: str) -> None:
    """Raise if the library of a format is not installed."""
    from importlib.util import find_spec

    module, extra = _LIBRARIES[format]
    if find_spec(module) is None:
        raise UserError(f"the format {format} needs a library that is not installed: pip install 'dj_assets[{extra}]'")


def _write_lance(export: TableExport, rows: _Rows) -> str:
    import lance

    made = lance.write_dataset(
        rows.stream(),
        export.folder,
        mode="overwrite" if (export.folder / "_versions").exists() else "create",
        max_bytes_per_file=export.shard_bytes,
        transaction_properties=rows.names,
    )
    return str(made.version)


def _write_delta(export: TableExport, rows: _Rows) -> str:
    from deltalake import CommitProperties, DeltaTable, write_deltalake

    write_deltalake(
        export.folder,
        rows.stream(),
        mode="overwrite",
        schema_mode="overwrite",
        target_file_size=export.shard_bytes,
        commit_properties=CommitProperties(custom_metadata=rows.names),
    )
    return str(DeltaTable(export.folder).version())


def _write_iceberg(export: TableExport, rows: _Rows) -> str:
    os.environ.setdefault("PYICEBERG_MAX_WORKERS", "1")
    from pyiceberg.catalog.sql import SqlCatalog

    catalog = SqlCatalog(NAMESPACE, uri=f"sqlite:///{export.folder / CATALOG}", warehouse=f"file://{export.folder}")
    try:
        catalog.create_namespace_if_not_exists(NAMESPACE)
        table = catalog.create_table_if_not_exists(
            (NAMESPACE, table_name(rows.manifest.name)),
            rows.schema,
            location=f"file://{export.folder}",
            properties={"write.target-file-size-bytes": str(export.shard_bytes)},
        )
        with table.transaction() as change:
            _evolve(table, change, rows.schema)
            write = change.append if table.current_snapshot() is None else change.overwrite
            write(rows.stream(), snapshot_properties=rows.names)
        snapshot = table.current_snapshot()
        return str(snapshot.snapshot_id) if snapshot else ""
    finally:
        catalog.close()


def _evolve(table: Table, change: Transaction, schema: pa.Schema) -> None:
    """Give a table the columns of a schema; one with another type is removed and added again."""
    known: Mapping[str, Any] = {field.name: field.type for field in table.schema().as_arrow()}
    gone = [name for name in known if name not in schema.names or not _same(known[name], schema.field(name).type)]
    if gone:
        with change.update_schema(allow_incompatible_changes=True) as update:
            for name in gone:
                update.delete_column(name)
    if gone or set(schema.names) - known.keys():
        with change.update_schema() as update:
            update.union_by_name(schema)


def _same(a: pa.DataType, b: pa.DataType) -> bool:
    """Return whether two types are one for Iceberg, which reads texts and lists with long offsets."""
    return str(a).replace("large_", "").replace("element", "item") == str(b).replace("element", "item")


def table_name(subset: str) -> str:
    """Return the name of the table of a subset in Iceberg's catalog."""
    return re.sub(r"\W+", "_", subset.rpartition("/")[2]).strip("_").lower() or "samples"


_WRITERS: Mapping[str, Callable[[TableExport, _Rows], str]] = {
    "lance": _write_lance,
    "delta": _write_delta,
    "iceberg": _write_iceberg,
}
