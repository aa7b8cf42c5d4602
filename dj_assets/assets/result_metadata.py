"""The metadata of a run on the refined subset: figures over time, funnel, plots, dropped examples, models."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
from dagster import MetadataValue, TableRecord

from dj_assets.analysis.figures import percent
from dj_assets.assets.description import reference_metadata
from dj_assets.assets.labels import Metadata, metadata_key, short_name
from dj_assets.assets.pictures import (
    chained_funnel,
    contact_sheets,
    distributions,
    duplicate_differences,
    examples,
    funnel_flow,
    funnel_plot,
    literal,
    people,
)
from dj_assets.assets.stage_metadata import MAX_ROWS, column_schema
from dj_assets.home.run_manifest import FunnelStep, RunManifest
from dj_assets.recipe.model import GalleryRecipe
from dj_assets.stores.copies import at_hand
from dj_assets.stores.path import source_path
from dj_assets.subset import RunResult, Subset
from dj_assets.views.funnel import funnel_rows

# The largest size of an event in the event log, and the part of it that is not metadata: keys, tags, the run.
MAX_EVENT_BYTES = 64_000
ENVELOPE_BYTES = 3_000
_MOST_NOTICES, _NOTICE_CHARACTERS = 5, 500


def refined(recipe: GalleryRecipe, subset: Subset, result: RunResult, earlier_s: float) -> Metadata:
    """Return the metadata of the refined asset, at most `MAX_EVENT_BYTES` in the event log.

    `earlier_s` is the time of the steps before. The picture of the distributions gets the remaining bytes.
    """
    metadata = {
        **figures(recipe, result, earlier_s),
        # the most important entries are together, before the large ones
        "dropped_most": dropped_most(result),
        "dropped_examples": examples(result, subset),
        **documents(subset),
        "distributions": MetadataValue.md(""),
        "funnel_plot": funnel_plot(result, subset.plan),
        "funnel_flow": funnel_flow(result),
        **chained_funnel(result),
        **contact_sheets(result),
        **people(result, subset),
        "duplicate_pairs": duplicate_differences(result, subset),
        "funnel": funnel(result),
        **sources(result.manifest),
        **kept(subset, result.funnel),
        **notices(result.manifest),
        **models(result.manifest),
        "versions": MetadataValue.md(", ".join(f"{name} {v}" for name, v in result.manifest.versions.items())),
        **table(subset, result),
    }
    room = MAX_EVENT_BYTES - event_bytes(metadata)
    return {**metadata, "distributions": distributions(result, subset.plan, room)}


def event_bytes(metadata: Metadata) -> int:
    """Return the bytes of a materialization with this metadata in the event log, without tags and run."""
    return len(dg.serialize_value(dg.AssetMaterialization("x", metadata=metadata)).encode()) + ENVELOPE_BYTES


def figures(recipe: GalleryRecipe, result: RunResult, earlier_s: float) -> Metadata:
    """Return flat numbers; the UI plots each over time."""
    reference = reference_metadata(recipe)
    return {
        "retention": round(result.retention, 6),
        **{name: reference[name] for name in ("reference_retention", "reference_computed") if name in reference},
        "samples_in": result.samples_in,
        "samples_out": result.samples_out,
        "dropped": result.dropped,
        **against(result.manifest),
        "quarantined": result.quarantined,
        **result.manifest.made,
        "short_texts_collapsed": sum(result.manifest.short_texts.values()),
        "seconds": round(earlier_s + (0 if result.reused else sum(result.manifest.seconds.values())), 2),
    }


def against(manifest: RunManifest) -> dict[str, int]:
    """Return the size of the reference set and the number of its dropped duplicates; empty without one."""
    reference = manifest.against
    return {"dropped_against": reference.dropped, "samples_against": reference.samples} if reference else {}


def funnel(result: RunResult) -> dg.TableMetadataValue:
    """Return samples in and out of every operator, in recipe order."""
    rows = funnel_rows(result.funnel, result.samples_in)[:MAX_ROWS]
    return MetadataValue.table([TableRecord({**row, "operator": short_name(str(row["operator"]))}) for row in rows])


def dropped_most(result: RunResult) -> str:
    """Return a sentence about the operator that dropped the most samples."""
    step = max(result.funnel, key=lambda step: step.dropped, default=None)
    if step is None or not step.dropped:
        return "no operator dropped a sample"
    share = percent(step.dropped, result.manifest.samples)
    return f"{short_name(step.operator)}: {step.dropped:,} samples, {share} of all"


def documents(subset: Subset) -> Metadata:
    """Return the path of the thresholds and the report of the run."""
    recipe, layout = Path(subset.recipe.file), subset.layout
    paths = {"recipe_file": recipe, "report": layout.report, "dataset_card": layout.card}
    return {name: MetadataValue.path(path) for name, path in paths.items() if path.is_file()}


def sources(manifest: RunManifest) -> Metadata:
    """Return the source files with the number of samples kept of each."""
    kept = {part.number: part.samples for part in manifest.refined}
    shards = manifest.sources[:MAX_ROWS]
    rows = [
        TableRecord(
            {
                "file": Path(shard.path).name,
                "bytes": shard.size,
                "samples": shard.records,
                "kept": kept.get(shard.number, 0),
            }
        )
        for shard in shards
    ]
    folders = dict.fromkeys(str(source_path(shard.path).parent) for shard in shards)
    return {
        "source_folder": ", ".join(list(folders)[:3]) + (" …" if len(folders) > 3 else ""),
        "source_files": MetadataValue.table(rows),
    }


def kept(subset: Subset, funnel: tuple[FunnelStep, ...]) -> dict[str, float]:
    """Return, for every operator that can drop samples, the share of its input that it kept."""
    judging = {step.label for step in subset.plan.steps if step.drops}
    return {
        metadata_key("kept", step.operator): round(step.samples_out / step.samples_in, 6)
        for step in funnel
        if step.operator in judging and step.samples_in
    }


def notices(manifest: RunManifest) -> Metadata:
    """Return what the user of the run should read, such as the files that are not read; empty if there is nothing."""
    lines = [f"- {literal(notice[:_NOTICE_CHARACTERS])}" for notice in manifest.notices[:_MOST_NOTICES]]
    return {"notices": MetadataValue.md("\n".join(lines))} if lines else {}


def models(manifest: RunManifest) -> Metadata:
    """Return every model that scored the subset: its state as text, its checksum for copying."""
    used = manifest.models[:MAX_ROWS]
    lines = [f"- **{model.name}**{_standing(model.note)}" for model in used]
    if not lines:
        return {"models": "none"}
    checksums = {model.name: model.sha256 for model in used}
    return {"models": MetadataValue.md("\n".join(lines)), "models_sha256": MetadataValue.json(checksums)}


def _standing(note: str) -> str:
    return f": {note}" if note else ""


def table(subset: Subset, result: RunResult) -> Metadata:
    """Return the metadata of a table in Dagster: rows, columns, path."""
    metadata: Metadata = {
        "dagster/row_count": result.samples_out,
        "dagster/uri": subset.layout.location_of(subset.layout.refined),
    }
    if result.refined:
        metadata["dagster/column_schema"] = column_schema(pq.read_schema(at_hand(result.refined[0])))
    return metadata
