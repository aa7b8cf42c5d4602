"""The second step: one replay over all source files decides about every sample; its decision is stored for refining."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from dj_assets import settings
from dj_assets.errors import UserError
from dj_assets.home.manifest import FileManifest, measured_files, published_run, require_measured
from dj_assets.measure.engines import for_each
from dj_assets.measure.listed_fields import require_media_keys
from dj_assets.measure.measured_source import measured_version, version_with_reference
from dj_assets.recipe.plan import digest
from dj_assets.replay.clusters import NearPairs
from dj_assets.replay.decision import Decision
from dj_assets.replay.links import find_links
from dj_assets.replay.partitioned.deciding import remove_pieces, replay_in_pieces
from dj_assets.replay.population import load_population
from dj_assets.replay.replay import REPLAYED, replay
from dj_assets.replay.result import ReplayResult, replay_result
from dj_assets.subset.context import SubsetContext
from dj_assets.subset.locks import whole_subset
from dj_assets.subset.results import DeduplicateResult

# Part of the identity of a result: raise it when published files get another form.
RELEASE = 4


def deduplicate(subset: SubsetContext) -> DeduplicateResult:
    """Decide about every measured sample, where that is not decided yet.

    Raises
    ------
    SourceError
        If operators read media, and no record of the source has their key.
    """
    started = time.perf_counter()
    with whole_subset(subset.layout, subset.options.patience_s, subset.expected_bytes):
        removed = _removed(subset)
        if subset.is_sharded:
            subset.source.remove_others(subset.source.numbers)
        manifests = measured(subset)
        require_media_keys(subset.plan, subset.layout, manifests)
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


def decided(subset: SubsetContext, manifests: Sequence[FileManifest]) -> Decision:
    """Return the decision about some source files, from disk or by a replay; needs the lock of the subset."""
    key = decision_key(subset, manifests)
    stored = Decision.read(subset.layout, key)
    if stored is not None:
        return stored
    present = {file.path for file in manifests}
    missing = [group.name for group in subset.groups if any(str(file.path) not in present for file in group.files)]
    reference = subset.reference.measured()
    with _replayed(subset, manifests, reference) as result:
        Decision.of(
            key,
            subset.plan,
            manifests=manifests,
            reference=reference,
            replayed=result,
            format=subset.options.format,
            missing=missing,
        ).write(subset.layout)
    decision = Decision.read(subset.layout, key)
    assert decision is not None  # noqa: S101 - it was just written
    return decision


def decision_key(subset: SubsetContext, manifests: Sequence[FileManifest]) -> str:
    """Return the identity of a result: the recipe with its thresholds, what is measured, the form of the files."""
    return digest([subset.plan.refined_hash, _version(subset, manifests), subset.options.format, RELEASE])


def measured(subset: SubsetContext) -> list[FileManifest]:
    """Return the manifests of all files; of a sharded subset those of the shards that are measured completely.

    Raises
    ------
    UserError
        If a file is not measured, or of a sharded subset no shard is.
    """
    if not subset.is_sharded:
        return subset.source.measured()
    manifests = {file.path: file for file in subset.source.measured_already()}
    whole = {
        str(file.path)
        for group in subset.groups
        if all(str(file.path) in manifests for file in group.files)
        for file in group.files
    }
    if not whole:
        raise UserError(f"{subset.recipe.name}: no shard is measured yet; materialize {subset.recipe.name}_stats first")
    return [manifests[str(file.path)] for file in subset.files if str(file.path) in whole]


@contextmanager
def _replayed(
    subset: SubsetContext, manifests: Sequence[FileManifest], reference: Sequence[FileManifest]
) -> Iterator[ReplayResult]:
    """Replay the recipe: on this machine, or in pieces where there are more samples than its memory holds."""
    require_measured(subset.layout, manifests, REPLAYED)
    require_measured(subset.layout.against, reference, REPLAYED)
    remove_pieces(subset.layout)
    if sum(file.rows for file in (*reference, *manifests)) <= settings.one_node_samples():
        yield _replay(subset, manifests, reference)
        return
    run = partial(for_each, subset.options.engine)
    with replay_in_pieces(
        run,
        subset.layout,
        subset.plan,
        manifests=manifests,
        reference=reference,
        measured=_version(subset, manifests),
    ) as result:
        yield result


def _replay(
    subset: SubsetContext, manifests: Sequence[FileManifest], reference: Sequence[FileManifest]
) -> ReplayResult:
    layout, plan = subset.layout, subset.plan
    stats, signatures = (measured_files(layout, kind, manifests) for kind in ("stats", "signatures"))
    theirs = [measured_files(layout.against, kind, reference) for kind in ("stats", "signatures")]
    links = find_links(layout, plan, [*theirs[1], *signatures], _version(subset, manifests), subset.workers)
    population = load_population(plan, stats, signatures, *theirs)
    outcomes = replay(plan, population, links, threads=subset.workers)
    near_pairs = sum(len(pairs.a) for pairs in links.values() if isinstance(pairs, NearPairs))
    return replay_result(len(plan.steps), population, outcomes, near_pairs)


def _version(subset: SubsetContext, manifests: Sequence[FileManifest]) -> str:
    return version_with_reference(measured_version(subset.measure_key, manifests), subset.reference.measured())


def _removed(subset: SubsetContext) -> tuple[str, ...]:
    """Return the names of the files that the published version was made of and the source no longer has."""
    published = published_run(subset.layout)
    present = {str(file.path) for file in subset.files}
    before = [file.path for file in published.files] if published else []
    return tuple(Path(path).name for path in before if path not in present)
