"""What the refined subset says about a run: figures over time, funnel, plots, dropped examples, models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
from dagster import MetadataValue, TableRecord

from dj_assets.assets.description import reference_metadata
from dj_assets.assets.labels import metadata_key
from dj_assets.assets.stage_metadata import MAX_ROWS, column_schema
from dj_assets.engine.funnel import FunnelStep
from dj_assets.operators.base import Mapper
from dj_assets.recipe.model import Recipe
from dj_assets.report.funnel import funnel_rows
from dj_assets.subset import RunResult, Subset

# What one event may weigh in the event log.
MAX_EVENT_BYTES = 64_000


def refined(recipe: Recipe, subset: Subset, result: RunResult, earlier_s: float) -> dict[str, Any]:
    """Return the metadata of the refined asset; parts that would make the event too large are left out.

    `earlier_s` is how long the steps before took.
    """
    return {
        **figures(recipe, result, earlier_s),
        "funnel": funnel(result),
        **kept(subset, result.funnel),
        "models": models(result.manifest),
        **table(result),
    }


def figures(recipe: Recipe, result: RunResult, earlier_s: float) -> dict[str, Any]:
    """Return flat numbers, each of which the UI plots over time."""
    reference = reference_metadata(recipe)
    return {
        "retention": round(result.retention, 6),
        **{name: reference[name] for name in ("reference_retention", "reference_computed") if name in reference},
        "samples_in": result.samples_in,
        "samples_out": result.samples_out,
        "dropped": result.dropped,
        "quarantined": result.quarantined,
        "short_texts_collapsed": sum(result.manifest["short_texts"].values()),
        "seconds": round(earlier_s + (0 if result.reused else sum(result.manifest["seconds"].values())), 2),
    }


def funnel(result: RunResult) -> dg.TableMetadataValue:
    """Return samples in and out of every operator, in recipe order."""
    return MetadataValue.table([TableRecord(row) for row in funnel_rows(result.funnel, result.samples_in)[:MAX_ROWS]])


def kept(subset: Subset, funnel: tuple[FunnelStep, ...]) -> dict[str, float]:
    """Return, for every operator that can drop, the share of what reached it that it let through."""
    judging = {step.label for step in subset.plan.steps if not isinstance(step.operator, Mapper)}
    return {
        metadata_key("kept", step.operator): round(step.samples_out / step.samples_in, 6)
        for step in funnel
        if step.operator in judging and step.samples_in
    }


def models(manifest: Mapping[str, Any]) -> dg.TableMetadataValue:
    """Return every model that scored the subset, its checksum, and whether it is only for demonstrations."""
    return MetadataValue.table(
        [
            TableRecord({"model": model["name"], "sha256": model["sha256"], "note": model["note"]})
            for model in manifest["models"][:MAX_ROWS]
        ],
        dg.TableSchema([dg.TableColumn(name, "string") for name in ("model", "sha256", "note")]),
    )


def table(result: RunResult) -> dict[str, Any]:
    """Return what makes the asset a table for Dagster: rows, columns, where it lies."""
    metadata: dict[str, Any] = {
        "dagster/row_count": result.samples_out,
        "dagster/uri": str(result.folder / "refined"),
    }
    if result.refined:
        metadata["dagster/column_schema"] = column_schema(pq.read_schema(result.refined[0]))
    return metadata
