"""The record of a run: everything worth knowing about how a refined subset came to be, as plain JSON."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dj_assets.home.manifest import FileManifest, numbered_json
from dj_assets.media.keys import MediaKeys
from dj_assets.media.places import Root
from dj_assets.memory import peak_rss_mb
from dj_assets.models.store import ModelFile
from dj_assets.recipe.load import IN_MEMORY
from dj_assets.recipe.plan import Plan
from dj_assets.replay.funnel import Balance, FunnelStep
from dj_assets.sources.sources import NO_ROOT, SourceFile

_LIBRARIES = ("dj_assets", "duckdb", "ftfy", "kenlm-ex", "fasttext-predict", "numpy", "pyarrow", "sentencepiece")


def run_record(plan: Plan, result_key: str, counts: Balance, funnel: Sequence[FunnelStep]) -> dict[str, Any]:
    """Return the part of the record that says what came out."""
    return {
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "recipe": _found_anywhere(plan.recipe.file),
        "name": plan.recipe.name,
        "process": [{step.operator.name: step.operator.parameters()} for step in plan.steps],
        "text_keys": plan.recipe.text_key,
        "custom_operator_paths": [str(path) for path in plan.recipe.custom_operators],
        "stats_hash": plan.stats_hash,
        "refined_hash": plan.refined_hash,
        "result_key": result_key,
        "samples_in": counts.samples_in,
        "samples_out": counts.kept,
        "dropped": counts.dropped,
        "quarantined": counts.quarantined,
        "dropped_by_load": counts.dropped_by_load,
        "quarantined_by_load": counts.quarantined_by_load,
        "retention": counts.retention,
        "funnel": [step.as_json() for step in funnel],
        **(
            {"conditional": [step.label for step in plan.steps if step.index in plan.conditional]}
            if plan.conditional
            else {}
        ),
    }


def _found_anywhere(recipe: str) -> str:
    """Return the absolute path of a recipe's file, as later commands run in other folders; a dict has no file."""
    return recipe if recipe == IN_MEMORY else str(Path(recipe).absolute())


def media_record(plan: Plan, files: Sequence[SourceFile], manifests: Sequence[FileManifest]) -> dict[str, Any]:
    """Return the part of the record that says where images and clips are found; nothing where all is as usual.

    `roots` are those of source files, by their numbers, whose media paths do not start in the folder of the file.
    """
    keys = {name: getattr(plan.recipe.media, name) for name in ("images", "videos", "image_bytes")}
    roots = {str(file.path): file.reading.media_root for file in files}
    elsewhere = {
        str(file.number): asdict(root)
        for file in manifests
        if (root := roots.get(file.path, NO_ROOT)) not in (NO_ROOT, Root(str(Path(file.path).parent)))
    }
    unusual = any(keys[name] != getattr(MediaKeys, name) for name in keys)
    return {"media": {"keys": keys, "roots": elsewhere}} if unusual or elsewhere else {}


def circumstances(
    models: Sequence[ModelFile],
    manifests: Sequence[FileManifest],
    seconds: Mapping[str, float],
    workers: int,
    engine: str = "local",
) -> dict[str, Any]:
    """Return the part of the record that says from what, by what and how fast.

    `nodes` are the machines that measured the files, each with how many blocks; files that were measured by earlier
    runs are among them.
    """
    blocks: Counter[str] = Counter()
    for file in manifests:
        blocks.update(file.nodes)
    return {
        "models": [
            {"name": model.name, "path": str(model.path), "sha256": model.sha256, "note": model.note}
            for model in models
        ],
        "shards": [
            {
                name: value
                for name, value in numbered_json(file).items()
                if name not in {"field_types", "seconds", "nodes"}
            }
            for file in manifests
        ],
        "engine": engine,
        "nodes": sorted(blocks) or [platform.node()],
        "blocks_by_node": dict(sorted(blocks.items())),
        "workers": workers,
        "seconds": {stage: round(value, 3) for stage, value in seconds.items()},
        "peak_rss_mb": peak_rss_mb(),
        "versions": {"python": sys.version.split()[0], **_versions()},
    }


def seconds_by_step(manifests: Sequence[FileManifest]) -> dict[str, float]:
    """Return the seconds every step took to measure, summed over files and workers."""
    total: Counter[str] = Counter()
    for file in manifests:
        total.update(file.seconds)
    return dict(total)


def against_record(manifests: Sequence[FileManifest], dropped: int) -> dict[str, Any]:
    """Return the part of the record that tells of the reference set and how many have twins there; nothing without."""
    if not manifests:
        return {}
    names = ("shard", "path", "sha256", "records", "measure_key")
    files = [{name: record[name] for name in names} for record in map(numbered_json, manifests)]
    return {"against": {"samples": sum(file.records for file in manifests), "dropped": dropped, "files": files}}


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in _LIBRARIES}
