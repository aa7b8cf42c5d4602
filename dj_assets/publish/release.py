"""Releasing a refined subset: its files, fates and database, put together aside and published at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from dj_assets.home.damage import Sum
from dj_assets.home.layout import MEASURED, Layout
from dj_assets.home.manifest import FileManifest, measured_files, newest_run, write_document, write_json
from dj_assets.publish.bins import bins_of
from dj_assets.publish.database import add_run, build_database, export_table, reading
from dj_assets.publish.duplicates import MeasuredReference
from dj_assets.publish.flat import ForEach, one_by_one, write_flat
from dj_assets.publish.outcomes import keep_newest, record_file, write_record
from dj_assets.publish.parts import Part, gather_parts, remove_pending
from dj_assets.recipe.plan import Plan
from dj_assets.sources.fields import FieldTypes
from dj_assets.stores.atomic import staged

# Writes what people read beside the data, a report for instance, into the folder that is about to be published: given
# that folder, the manifest of the run, its plan and the layout of the measured files.
Accompany = Callable[[Path, Mapping[str, Any], Plan, Layout], None]


@dataclass(frozen=True)
class Release:
    """What is to be published.

    `fates` is the table of the samples that are not kept (see `build_database`). `against` are the manifests of the
    reference set. `accompany` adds files of its own, which are published with the rest or not at all. `for_each` is who
    writes the flat files of an output folder.
    """

    plan: Plan
    layout: Layout
    manifests: Sequence[FileManifest]
    fates: pa.Table | ds.Dataset
    against: Sequence[FileManifest] = ()
    accompany: Accompany | None = None
    for_each: ForEach = one_by_one

    def publish(
        self,
        parts: Sequence[Part],
        manifest_of: Callable[[list[dict[str, Any]]], dict[str, Any]],
        threads: int = 1,
        written: Callable[[], None] | None = None,
    ) -> dict[str, Any]:
        """Put everything together aside, then move it into place; return the manifest of the run, written last.

        `parts` are all refined files, written already, or once `written` returns. `manifest_of` makes the
        manifest from the list of them: name, shard, samples, key, bytes.
        """
        with staged(self.layout.published) as staging:
            database = staging / self.layout.database.name
            self.build(database, threads)
            bins = self._bins(database)
            if written is not None:
                written()
            entries = gather_parts(parts, self.layout, newest_run(self.layout), staging / "refined")
            manifest = {**manifest_of(entries), "statistics": bins}
            add_run(database, manifest["funnel"], manifest)
            # the record in the database cannot say what it became
            manifest["database_bytes"], manifest["database_crc32"] = Sum.of(database)
            # open throughout: whoever opens it meanwhile does not load it again
            with reading(database), ThreadPoolExecutor(1, thread_name_prefix="record") as beside:
                # a record without a manifest is none: one that a killed process leaves is removed by the next run
                path = record_file(self.layout, manifest["run_id"])
                record = beside.submit(write_record, path, database, self._files()["stats"])
                self._write_beside(staging, database, manifest)
                record.result()
            manifest["files"] = _sums(staging)
            manifest["record"] = Sum.of(path)
            if self.layout.work != self.layout.published:
                write_document(staging / "run.json", manifest)
        write_document(self.layout.runs / f"{manifest['run_id']}.json", manifest)
        keep_newest(self.layout)
        remove_pending(self.layout)
        return manifest

    def _write_beside(self, staging: Path, database: Path, manifest: Mapping[str, Any]) -> None:
        """Write what people read without the database."""
        if self.layout.work == self.layout.published:
            self._by_file(staging, database)
        else:
            write_flat(staging, database, self._files()["cleaned"], self.for_each)
            write_json(staging / "funnel.json", manifest["funnel"])
        if self.accompany is not None:
            self.accompany(staging, manifest, self.plan, self.layout)

    def build(self, database: Path, threads: int = 1) -> None:
        """Build the database, all but its funnel and its run."""
        build_database(database, self.plan, self._files(), self.fates, self._reference(), threads=threads)

    def _bins(self, database: Path) -> dict[str, Any]:
        with reading(database) as connection:
            return {column: bins.as_json() for column, bins in bins_of(connection, self.plan).items()}

    def _by_file(self, staging: Path, database: Path) -> None:
        for table in ("dropped", "quarantine"):
            (staging / table).mkdir()
            for file in self.manifests:
                export_table(database, table, staging / table / f"{file.number:05d}.parquet", file.number)

    def _reference(self) -> MeasuredReference | None:
        if not self.against:
            return None
        names = {file.number: Path(file.path).name for file in self.against}
        stats, signatures = (
            measured_files(self.layout.against, kind, self.against) for kind in ("stats", "signatures")
        )
        return MeasuredReference(names, stats, signatures)

    def _files(self) -> Mapping[str, list[Path]]:
        return {kind: measured_files(self.layout, kind, self.manifests) for kind in MEASURED}


def _sums(staging: Path) -> dict[str, Sum]:
    """Return size and CRC-32 of every published file that the manifest does not name otherwise."""
    files = [path for path in sorted(staging.rglob("*")) if path.is_file() and path.suffix != ".duckdb"]
    names = {path.relative_to(staging).as_posix(): path for path in files}
    return {name: Sum.of(path) for name, path in names.items() if not name.startswith("refined/")}


def merged_types(manifests: Sequence[FileManifest]) -> FieldTypes | None:
    """Return the types of the JSON fields over all files, so that every refined file has the same schema."""
    merged: FieldTypes | None = None
    for file in manifests:
        if file.field_types is not None:
            types = FieldTypes.from_json(file.field_types)
            merged = types if merged is None else merged.merge(types)
    return merged
