"""The second step: one replay over all source files decides about every sample; its decision is stored for refining."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from dj_assets import settings
from dj_assets.errors import UserError
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import FileManifest, measured_files, published_run, require_measured
from dj_assets.measure.engines import EngineName, for_each
from dj_assets.measure.listed_fields import require_media_keys
from dj_assets.measure.measured_source import MeasuredSource, aggregates_of, versions_of
from dj_assets.publish.parts import Format
from dj_assets.recipe.plan import Plan, Step, digest
from dj_assets.replay.clusters import NearPairs
from dj_assets.replay.decision import Decision
from dj_assets.replay.links import find_links
from dj_assets.replay.partitioned.deciding import remove_pieces, replay_in_pieces
from dj_assets.replay.population import load_population
from dj_assets.replay.replay import REPLAYED, replay
from dj_assets.replay.result import ReplayResult, replay_result
from dj_assets.sources.sources import SourceFile
from dj_assets.subset.aggregating import Groups, measure_aggregates
from dj_assets.subset.context import SubsetContext
from dj_assets.subset.grouping import Shard
from dj_assets.subset.locks import whole_subset
from dj_assets.subset.results import DeduplicateResult

# Part of the identity of a result: raise it when published files get another form.
RELEASE = 4


@dataclass(frozen=True)
class MeasuredManifests:
    """Hold the manifests of a source, with those of aggregates, and of its reference set, in order.

    `versions` identify what both measured, stage by stage (`versions_of`).
    """

    source: Sequence[FileManifest]
    reference: Sequence[FileManifest]
    versions: Sequence[str]

    @classmethod
    def of(cls, measure_key: str, source: Sequence[FileManifest], reference: Sequence[FileManifest]) -> Self:
        """Return the manifests with their versions."""
        return cls(source, reference, versions_of(measure_key, source, reference))

    @property
    def version(self) -> str:
        """Return what identifies everything that is measured."""
        return self.versions[-1]


def deduplicate(subset: SubsetContext) -> DeduplicateResult:
    """Decide about every measured sample, where that is not decided yet.

    Raises
    ------
    SourceError
        If operators read media, and no record of the source has their key.
    """
    started = time.perf_counter()
    with whole_subset(subset.layout, subset.options.patience_s, subset.expected_bytes):
        removed = _removed(subset.layout, subset.files)
        if subset.is_sharded:
            source = subset.source
            source.remove_others([*source.numbers, *aggregates_of(subset.plan)])
        manifests = measured(subset)
        require_media_keys(subset.plan, subset.layout, manifests.source)
        decision = decided(subset, manifests)
    seconds = time.perf_counter() - started
    outcomes = {outcome.number: outcome for outcome in decision.outcomes}
    return DeduplicateResult(
        duplicates=decision.duplicates,
        clusters=decision.clusters,
        near_pairs=decision.near_pairs,
        seconds=seconds,
        data_version=decision.version,
        against=decision.duplicates_against,
        outcomes={file.path: outcomes[file.number] for file in decision.manifests},
        missing=decision.missing,
        removed=removed,
    )


def decided(subset: SubsetContext, files: MeasuredManifests) -> Decision:
    """Return the decision about some source files, from disk or by a replay; needs the lock of the subset."""
    layout, plan, options = subset.layout, subset.plan, subset.options
    key = decision_key(plan, files, options.format)
    stored = Decision.read(layout, key)
    if stored is not None:
        return stored
    present = {file.path for file in files.source}
    missing = [group.name for group in subset.groups if any(str(file.path) not in present for file in group.files)]
    with _replayed(layout, plan, files, options.engine, subset.workers) as result:
        Decision.of(
            key,
            plan,
            manifests=files.source,
            reference=files.reference,
            replayed=result,
            format=options.format,
            missing=missing,
        ).write(layout)
    decision = Decision.read(layout, key)
    assert decision is not None  # noqa: S101 - it was just written
    return decision


def decision_key(plan: Plan, files: MeasuredManifests, format: Format) -> str:
    """Return the identity of a result: the recipe with its thresholds, what is measured, the form of the files."""
    return digest([plan.refined_hash, files.version, format, RELEASE])


def measured(subset: SubsetContext) -> MeasuredManifests:
    """Return the manifests of all files; of a sharded subset those of the shards that are measured completely.

    Groups are formed where they are not up to date, and their aggregates measured; this needs the lock of the subset.

    Raises
    ------
    UserError
        If a file is not measured, or of a sharded subset no shard is.
    """
    source = subset.source
    manifests = _of_whole_shards(source, subset.groups) if subset.is_sharded else source.measured()
    if subset.is_sharded and not manifests:
        name = subset.recipe.name
        raise UserError(f"{name}: no shard is measured yet; materialize {name}_stats first")
    reference = subset.reference.measured()
    files = MeasuredManifests.of(source.measure_key, manifests, reference)
    for stage, step in enumerate(subset.plan.groupers, start=1):
        aggregates = _aggregates(subset, files, step, stage)
        files = MeasuredManifests.of(source.measure_key, [*files.source, aggregates], reference)
    return files


def _aggregates(subset: SubsetContext, files: MeasuredManifests, step: Step, stage: int) -> FileManifest:
    """Return the manifest of the aggregates that a grouper makes of the samples of files."""
    layout, plan = subset.layout, subset.plan
    groups = Groups.of(plan, step, layout, files.source, files.version)
    if not groups.stored:
        with _replayed(layout, plan.before(step), files, subset.options.engine, subset.workers) as before:
            groups.write(before, subset.workers)
    return measure_aggregates(subset, groups, stage)


def _of_whole_shards(source: MeasuredSource, groups: Sequence[Shard]) -> list[FileManifest]:
    """Return the manifests of the files whose shards are measured completely, in the order of the source."""
    manifests = {file.path: file for file in source.measured_already()}
    whole = {
        str(file.path)
        for group in groups
        if all(str(file.path) in manifests for file in group.files)
        for file in group.files
    }
    return [manifests[str(file.path)] for file in source.files if str(file.path) in whole]


@contextmanager
def _replayed(
    layout: Layout, plan: Plan, files: MeasuredManifests, engine: EngineName, threads: int
) -> Iterator[ReplayResult]:
    """Replay the recipe: on this machine, or in pieces where there are more samples than its memory holds."""
    require_measured(layout, files.source, REPLAYED)
    require_measured(layout.against, files.reference, REPLAYED)
    remove_pieces(layout)
    if sum(file.rows for file in (*files.reference, *files.source)) <= settings.one_node_samples():
        yield _replay(layout, plan, files, threads)
        return
    with replay_in_pieces(
        partial(for_each, engine),
        layout,
        plan,
        manifests=files.source,
        reference=files.reference,
        versions=files.versions,
    ) as result:
        yield result


def _replay(layout: Layout, plan: Plan, files: MeasuredManifests, threads: int) -> ReplayResult:
    stats, signatures = (measured_files(layout, kind, files.source) for kind in ("stats", "signatures"))
    theirs = [measured_files(layout.against, kind, files.reference) for kind in ("stats", "signatures")]
    links = find_links(layout, plan, [*theirs[1], *signatures], files.versions, threads)
    population = load_population(plan, stats, signatures, *theirs)
    outcomes = replay(plan, population, links, threads=threads)
    near_pairs = sum(len(pairs.a) for pairs in links.values() if isinstance(pairs, NearPairs))
    return replay_result(len(plan.steps), population, outcomes, near_pairs)


def _removed(layout: Layout, files: Sequence[SourceFile]) -> tuple[str, ...]:
    """Return the names of the files that the published version was made of and the source no longer has."""
    published = published_run(layout)
    present = {str(file.path) for file in files}
    before = [file.path for file in published.sources] if published else []
    return tuple(Path(path).name for path in before if path not in present)
