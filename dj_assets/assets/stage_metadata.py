"""The events of the steps about source, stats and duplicates, with content hashes as data versions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import dagster as dg
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from dagster import MetadataValue, TableRecord

from dj_assets.analysis.columns import stat_columns
from dj_assets.analysis.figures import compact
from dj_assets.analysis.statistics import summarize
from dj_assets.assets.asset_keys import SubsetKeys
from dj_assets.assets.labels import Metadata
from dj_assets.assets.specs import origins_of
from dj_assets.home.manifest import FileManifest
from dj_assets.measure.measured_source import source_version
from dj_assets.recipe.model import GalleryRecipe
from dj_assets.recipe.plan import Plan
from dj_assets.stores.path import source_path
from dj_assets.subset import DeduplicateResult, MeasureResult, Subset

# Longer tables make the page slow and the event large.
MAX_ROWS = 50
MAX_TYPE = 120


def measured(recipe: GalleryRecipe, subset: Subset, result: MeasureResult) -> Iterator[dg.AssetMaterialization]:
    """Yield the events of the source that was read and of the statistics that were measured."""
    manifests = subset.source.measured()
    yield from _origins(recipe, subset, manifests)
    keys = SubsetKeys.of(recipe)
    yield _event(keys.source, result.source_version, _source(manifests))
    yield _event(keys.stats, result.data_version, _stats(subset, manifests, result), subset.plan.stats_hash)


def _origins(recipe: GalleryRecipe, subset: Subset, manifests: list[FileManifest]) -> Iterator[dg.AssetMaterialization]:
    """Yield the event of every named source of a subset that has several."""
    origin_of = {str(file.path): file.reading.origin for file in subset.files}
    for key, source in origins_of(recipe).items():
        files = [file for file in manifests if origin_of[file.path] == source.origin]
        if files:
            yield _event(key, source_version(files), _source(files))


def deduplicated(keys: SubsetKeys, subset: Subset, result: DeduplicateResult) -> dg.AssetMaterialization:
    """Return the event of the duplicates that were found."""
    metadata = {
        "dagster/row_count": result.duplicates,
        "duplicates": result.duplicates,
        **({"duplicates_against": result.against} if subset.against else {}),
        "clusters": result.clusters,
        "near_pairs": result.near_pairs,
        "seconds": round(result.seconds, 2),
        "dagster/uri": subset.layout.location_of(subset.layout.database),
    }
    return _event(keys.duplicates, result.data_version, metadata)


def reported_seconds(instance: dg.DagsterInstance, stages: Iterable[dg.AssetKey]) -> float:
    """Return the total seconds in the newest events of the stages."""
    events = [instance.get_latest_materialization_event(key) for key in stages]
    reports = [event.asset_materialization for event in events if event is not None]
    values = [report.metadata["seconds"].value for report in reports if report and "seconds" in report.metadata]
    return sum(value for value in values if isinstance(value, int | float))


def column_schema(schema: pa.Schema, units: Mapping[str, str] | None = None) -> dg.TableSchema:
    """Return the first columns of an Arrow schema as a Dagster schema; `units` describe columns."""
    described = units or {}
    fields = list(schema)[:MAX_ROWS]
    return dg.TableSchema(
        [dg.TableColumn(field.name, _cut(str(field.type)), described.get(field.name) or None) for field in fields]
    )


def _cut(type_name: str) -> str:
    return type_name if len(type_name) <= MAX_TYPE else type_name[: MAX_TYPE - 1] + "…"


def _event(
    key: dg.AssetKey, data_version: str, metadata: Metadata, code_version: str | None = None
) -> dg.AssetMaterialization:
    tags = {"dagster/data_version": data_version}
    if code_version:
        tags["dagster/code_version"] = code_version
    return dg.AssetMaterialization(key, metadata=metadata, tags=tags)


def _source(manifests: list[FileManifest]) -> Metadata:
    size = sum(file.size for file in manifests)
    # records of the same raw files that belong to another subset
    left_out = sum(file.left_out for file in manifests)
    records = [
        TableRecord({"file": Path(file.path).name, "samples": file.records, "bytes": file.size, "sha256": file.sha256})
        for file in manifests[:MAX_ROWS]
    ]
    return {
        "dagster/row_count": sum(file.records for file in manifests),
        "dagster/uri": str(source_path(manifests[0].path).parent) if len(manifests) > 1 else manifests[0].path,
        "files": len(manifests),
        **({"left_out": left_out} if left_out else {}),
        "bytes": size,
        "shards": MetadataValue.table(records),
    }


def _stats(subset: Subset, manifests: list[FileManifest], result: MeasureResult) -> Metadata:
    files = [subset.layout.fetched("stats", file.number) for file in manifests]
    metadata = {
        "dagster/row_count": sum(file.rows for file in manifests),
        "dagster/uri": subset.layout.location_of(files[0].parent),
        "dagster/column_schema": column_schema(pq.read_schema(files[0]), _units(subset.plan)),
        "samples": result.samples,
        "shards_measured": result.files_measured,
        "shards_reused": result.files_reused,
        "seconds": round(result.seconds, 2),
        "stats_hash": subset.plan.stats_hash,
    }
    summary = _summary(files, subset.plan)
    return {**metadata, "statistics": MetadataValue.table(summary)} if summary else metadata


def _units(plan: Plan) -> dict[str, str]:
    return {column.name: column.statistic.unit for column in stat_columns(plan)}


def _summary(files: list[Path], plan: Plan) -> list[TableRecord]:
    """Return the smallest, median and largest value of every numeric statistic."""
    columns = [column for column in stat_columns(plan) if column.is_numeric][:MAX_ROWS]
    with duckdb.connect() as connection:
        connection.read_parquet([str(file) for file in files]).create_view("stats")
        summaries = summarize(connection, columns)
    return [
        TableRecord({"statistic": column.name, "min": _short(s.low), "median": _short(s.median), "max": _short(s.high)})
        for column, s in zip(columns, summaries, strict=True)
    ]


def _short(value: float | None) -> str:
    return "–" if value is None else compact(value)
