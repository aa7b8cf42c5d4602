"""Release a refined subset: its files, outcomes and database are written to a staging folder and published at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from dj_assets.home.damage import Sum
from dj_assets.home.json_files import write_json
from dj_assets.home.layout import MEASURED, Layout
from dj_assets.home.manifest import FileManifest, measured_files, published_run
from dj_assets.home.numbering import number_of_aggregates
from dj_assets.home.run_manifest import Bins, PublishedFile, RunManifest
from dj_assets.publish.bins import bins_of
from dj_assets.publish.calls import TABLE, add_generations
from dj_assets.publish.database import add_run, build_database, export_table, new_database, reading
from dj_assets.publish.duplicates import MeasuredReference
from dj_assets.publish.flat import ForEach, one_by_one, write_flat
from dj_assets.publish.outcomes import keep_newest, record_file, write_record
from dj_assets.publish.parts import RefinedFile, gather_parts, remove_pending
from dj_assets.recipe.plan import Plan
from dj_assets.sources.column_types import ColumnTypes
from dj_assets.stores.atomic import staged
from dj_assets.stores.copies import all_at_hand
from dj_assets.stores.generations import Generations

# Writes additional files for readers, for example a report, into the folder that is about to be published. Arguments:
# that folder, the manifest of the run, its plan, and the layout of the measured files.
Accompany = Callable[[Path, RunManifest, Plan, Layout], None]


@dataclass(frozen=True)
class Release:
    """Publish a version of a subset.

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
        manifest_of: Callable[[Sequence[PublishedFile], dict[str, Bins]], RunManifest],
        threads: int = 1,
        written: Callable[[], None] | None = None,
    ) -> RunManifest:
        """Put everything together aside, then move it into place; return the manifest of the run, written last.

        `parts` are all refined files, written already, or once `written` returns. `manifest_of` makes the
        manifest from their entries and the histograms of the statistics.
        """
        with staged(self.layout.published) as staging:
            database = staging / self.layout.database.name
            with new_database(database, threads) as connection:
                self.build(connection)
                bins = bins_of(connection, self.plan)
                if written is not None:
                    written()
                entries = gather_parts(parts, self.layout, published_run(self.layout), staging / "refined")
                manifest = manifest_of(entries, bins)
                add_run(connection, manifest)
            # the record in the database cannot say what it became
            manifest = manifest.with_database(Sum.of(database))
            # open throughout: whoever opens it meanwhile does not load it again
            with reading(database), ThreadPoolExecutor(1, thread_name_prefix="record") as beside:
                # a record without a manifest is none: one that a killed process leaves is removed by the next run
                path = record_file(self.layout, manifest.run_id)
                record = beside.submit(write_record, path, database, self._files()["stats"])
                self._write_beside(staging, database, manifest)
                record.result()
            manifest = manifest.with_checksums(_checksums(staging), record=Sum.of(path))
            if self.layout.work != self.layout.published:
                manifest.write(staging / "run.json")
        manifest.write(self.layout.runs / f"{manifest.run_id}.json")
        keep_newest(self.layout)
        remove_pending(self.layout)
        return manifest

    def _write_beside(self, staging: Path, database: Path, manifest: RunManifest) -> None:
        """Write what people read without the database."""
        if self.layout.work == self.layout.published:
            self._by_file(staging, database)
        else:
            write_flat(staging, database, self._files()["cleaned"], self.for_each)
            write_json(staging / "funnel.json", [step.as_json() for step in manifest.funnel])
        if self.plan.asks_models:
            export_table(database, TABLE, staging / f"{TABLE}.parquet")
        if self.accompany is not None:
            self.accompany(staging, manifest, self.plan, self.layout)

    def build(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Build the database in a new one, without its funnel and its run."""
        build_database(connection, self.plan, self._files(), self.outcome_table, self._reference())
        if self.plan.asks_models:
            add_generations(connection, Generations(self.layout.generations).records())

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
        members = all_at_hand(self.layout.members(number_of_aggregates(step.index)) for step in self.plan.groupers)
        return {kind: measured_files(self.layout, kind, self.manifests) for kind in MEASURED} | {"members": members}


def _checksums(staging: Path) -> dict[str, Sum]:
    """Return size and CRC-32 of every published file that the manifest does not name otherwise."""
    files = [path for path in sorted(staging.rglob("*")) if path.is_file() and path.suffix != ".duckdb"]
    names = {path.relative_to(staging).as_posix(): path for path in files}
    return {name: Sum.of(path) for name, path in names.items() if not name.startswith("refined/")}


def merged_types(manifests: Sequence[FileManifest]) -> ColumnTypes:
    """Return the types of the columns over all files: every refined file gets the same schema."""
    return reduce(ColumnTypes.merge, (ColumnTypes.from_json(file.field_types) for file in manifests), ColumnTypes())
