"""Release a refined subset: its files, outcomes and database are written to a staging folder and published at once."""

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
from dj_assets.home.manifest import FileManifest, measured_files, newest_run, write_json
from dj_assets.publish.bins import bins_of
from dj_assets.publish.database import add_run, build_database, export_table, reading
from dj_assets.publish.duplicates import MeasuredReference
from dj_assets.publish.flat import ForEach, one_by_one, write_flat
from dj_assets.publish.outcomes import keep_newest, record_file, write_record
from dj_assets.publish.parts import RefinedFile, gather_parts, remove_pending
from dj_assets.recipe.plan import Plan
from dj_assets.sources.fields import FieldTypes
from dj_assets.stores.atomic import staged

# Writes additional files for readers, for example a report, into the folder that is about to be published. Arguments:
# that folder, the manifest of the run, its plan, and the layout of the measured files.
Accompany = Callable[[Path, Mapping[str, Any], Plan, Layout], None]


@dataclass(frozen=True)
class Release:
    """Publishes a version of a subset.

    `outcome_table` lists the samples that are not kept (see `build_database`). `against` are the manifests of the
    reference set. `accompany` writes additional files, which are published with the rest or not at all. `for_each`
    calls a function for every flat file of an output folder.
    """

    plan: Plan
    layout: Layout
    manifests: Sequence[FileManifest]
    outcome_table: pa.Table | ds.Dataset
    against: Sequence[FileManifest] = ()
    accompany: Accompany | None = None
    for_each: ForEach = one_by_one

    def publish(
        self,
        parts: Sequence[RefinedFile],
        manifest_of: Callable[[list[dict[str, Any]]], dict[str, Any]],
        threads: int = 1,
        written: Callable[[], None] | None = None,
    ) -> dict[str, Any]:
        """Write all files to a staging folder, then move them to their paths; return the run's manifest, written last.

        `parts` are all refined files; they are written already, or once `written` returns. `manifest_of` makes the
        manifest from the list of their entries: name, shard, samples, key, bytes.
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
            # the manifest in the database cannot contain size and checksum of the database
            manifest["database_bytes"], manifest["database_crc32"] = Sum.of(database)
            # keep it open: another connection to it then does not load it again
            with reading(database), ThreadPoolExecutor(1, thread_name_prefix="record") as beside:
                # a record without a manifest does not count: the next run removes the one of a killed process
                path = record_file(self.layout, manifest["run_id"])
                record = beside.submit(write_record, path, database, self._files()["stats"])
                self._write_beside(staging, database, manifest)
                record.result()
        write_json(self.layout.runs / f"{manifest['run_id']}.json", manifest)
        keep_newest(self.layout)
        remove_pending(self.layout)
        return manifest

    def _write_beside(self, staging: Path, database: Path, manifest: Mapping[str, Any]) -> None:
        """Write the files for readers without the database."""
        if self.layout.work == self.layout.published:
            self._by_file(staging, database)
        else:
            write_flat(staging, database, self._files()["cleaned"], self.for_each)
            write_json(staging / "funnel.json", manifest["funnel"])
            write_json(staging / "run.json", manifest)
        if self.accompany is not None:
            self.accompany(staging, manifest, self.plan, self.layout)

    def build(self, database: Path, threads: int = 1) -> None:
        """Build the database, without its funnel and its run."""
        build_database(database, self.plan, self._files(), self.outcome_table, self._reference(), threads=threads)

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


def merged_types(manifests: Sequence[FileManifest]) -> FieldTypes | None:
    """Return the types of the JSON fields over all files: every refined file gets the same schema."""
    merged: FieldTypes | None = None
    for file in manifests:
        if file.field_types is not None:
            types = FieldTypes.from_json(file.field_types)
            merged = types if merged is None else merged.merge(types)
    return merged
