"""The manifest of a run that is about to be published: everything worth knowing about how the subset was made."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dj_assets.home.manifest import FileManifest, numbered_json
from dj_assets.home.run_manifest import Bins, MeasuredFile, MediaFields, PublishedFile, RunManifest, RunMedia, UsedModel
from dj_assets.media.locations import Root
from dj_assets.models.store import ModelFile
from dj_assets.models.text.counting import summed
from dj_assets.recipe.load import IN_MEMORY
from dj_assets.recipe.plan import Plan
from dj_assets.replay.decision import Decision
from dj_assets.sources.sources import NO_ROOT, SourceFile
from dj_assets.system import peak_rss_mb

# Libraries that results depend on; those that are not installed are left out.
_LIBRARIES = (
    "dj_assets", "duckdb", "ftfy", "kenlm-ex", "fasttext-predict", "fasttext-predict-v2", "numpy", "pyarrow",
    "sentencepiece",
)  # fmt: skip


@dataclass(frozen=True)
class Environment:
    """Hold models, machine and times of a run. `seconds` are those of each stage, `measure_key` is that of the plan."""

    models: Sequence[ModelFile]
    seconds: Mapping[str, float]
    workers: int
    engine: str
    measure_key: str


def manifest_of_run(
    run_id: str,
    plan: Plan,
    decision: Decision,
    environment: Environment,
    *,
    files: Sequence[SourceFile],
    refined: Sequence[PublishedFile],
    statistics: dict[str, Bins],
    notices: Sequence[str] = (),
) -> RunManifest:
    """Return the manifest of a run, without its database, which is not finished yet.

    Parameters
    ----------
    files
        The source files as the recipe reads them.
    refined, statistics
        The refined files, and the histograms of the statistics.
    notices
        Sentences about the run that its user should read.
    """
    recipe, counts, blocks = plan.recipe, decision.counts, _blocks_by_node(decision.manifests)
    return RunManifest(
        run_id=run_id,
        finished=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        recipe=_absolute(recipe.file),
        name=recipe.name,
        process=tuple({step.operator.name: step.operator.parameters()} for step in plan.steps),
        text_keys=recipe.text_key,
        custom_operator_paths=tuple(str(path) for path in recipe.custom_operators),
        stats_hash=plan.stats_hash,
        refined_hash=plan.refined_hash,
        result_key=decision.key,
        samples_in=counts.samples_in,
        samples_out=counts.kept,
        dropped=counts.dropped,
        quarantined=counts.quarantined,
        dropped_by_load=counts.dropped_by_load,
        quarantined_by_load=counts.quarantined_by_load,
        created=counts.created,
        expanded=counts.expanded,
        grouped=counts.grouped,
        retention=counts.retention,
        funnel=decision.funnel,
        conditional=tuple(step.label for step in plan.steps if step.index in plan.conditional),
        models=tuple(_used(model) for model in environment.models),
        files=tuple(MeasuredFile.of_json(numbered_json(file)) for file in decision.manifests),
        engine=environment.engine,
        nodes=tuple(blocks) or (platform.node(),),
        blocks_by_node=blocks,
        workers=environment.workers,
        seconds={stage: round(value, 3) for stage, value in environment.seconds.items()},
        peak_rss_mb=peak_rss_mb(),
        versions={"python": sys.version.split()[0], **library_versions()},
        measure_key=environment.measure_key,
        short_texts=dict(decision.short_texts),
        against=decision.against,
        media=_media(plan, files, decision.manifests),
        missing_shards=decision.missing,
        notices=tuple(notices),
        calls=summed(file.calls for file in decision.manifests),
        refined=tuple(refined),
        statistics=statistics,
    )


def _blocks_by_node(manifests: Sequence[FileManifest]) -> dict[str, int]:
    """Return the number of blocks that each machine measured, also in earlier runs, by the sorted names of these."""
    blocks: Counter[str] = Counter()
    for file in manifests:
        blocks.update(file.nodes)
    return dict(sorted(blocks.items()))


def _absolute(recipe: str) -> str:
    """Return the absolute path of a recipe's file, as later commands run in other folders; a dict has no file."""
    return recipe if recipe == IN_MEMORY else str(Path(recipe).absolute())


def _used(model: ModelFile) -> UsedModel:
    return UsedModel(name=model.name, path=str(model.path), sha256=model.sha256, note=model.note)


def _media(plan: Plan, files: Sequence[SourceFile], manifests: Sequence[FileManifest]) -> RunMedia | None:
    """Return where images and clips are found; None if their fields have the usual names and their folders are usual.

    A usual folder is that of the source file.
    """
    keys = plan.recipe.media
    named = MediaFields(images=keys.images, videos=keys.videos, audios=keys.audios, image_bytes=keys.image_bytes)
    roots = {str(file.path): file.reading.media_root for file in files}
    elsewhere = {
        file.number: root
        for file in manifests
        if (root := roots.get(file.path, NO_ROOT)) not in (NO_ROOT, Root(str(Path(file.path).parent)))
    }
    return RunMedia(keys=named, roots=elsewhere) if elsewhere or named != MediaFields() else None


@cache
def library_versions() -> Mapping[str, str]:
    """Return the installed versions of the libraries that results depend on, read once: each is a file."""
    versions = {}
    for name in _LIBRARIES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions
