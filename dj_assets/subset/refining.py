"""The third step: the kept samples written file by file, and published together when the version is whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from dj_assets.errors import UserError
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import FileManifest, all_published, next_run_id, published_run, require_measured
from dj_assets.home.numbering import are_aggregates
from dj_assets.home.run_manifest import Bins, PublishedFile, RunManifest
from dj_assets.measure.engines import for_each
from dj_assets.measure.measured_source import MeasuredSource
from dj_assets.publish.parts import RefinedFile, waiting_files, write_part
from dj_assets.publish.release import Release
from dj_assets.recipe.plan import digest
from dj_assets.replay.decision import Decision, outcome_version
from dj_assets.replay.record import Environment, manifest_of_run
from dj_assets.sources.column_types import ColumnTypes
from dj_assets.subset.context import SubsetContext
from dj_assets.subset.deduplicating import decided, decision_key, measured
from dj_assets.subset.grouping import Shard
from dj_assets.subset.locks import COMMIT_PATIENCE_S, one_shard, whole_subset
from dj_assets.subset.notices import of_empty_files, of_files_left_out, of_links, of_partitions, of_reference
from dj_assets.subset.results import RefineResult, RunResult

# Arrow compresses without the GIL; each file that is being written takes up to 50 MB.
_MOST_WRITERS = 8


def refine(subset: SubsetContext, earlier: Mapping[str, float]) -> RunResult:
    """Write and publish all kept samples; `earlier` are the seconds of the steps before, for the manifest."""
    started = time.perf_counter()
    with whole_subset(subset.layout, subset.options.patience_s, subset.expected_bytes):
        files = measured(subset)
        key = decision_key(subset.plan, files, subset.options.format)
        published = _up_to_date(subset.layout, key, earlier, started)
        if published is not None:
            return published
        decision = decided(subset, files)
        with ThreadPoolExecutor(1, thread_name_prefix="refine") as beside:
            written = beside.submit(_write, subset, decision, {part.number for part in decision.parts})
            return _publish(subset, decision, earlier, started, written.result)


def refine_shard(subset: SubsetContext, name: str, earlier: Mapping[str, float]) -> RefineResult:
    """Write what is kept of one shard, and of aggregates; publish all where nothing else is still to be written.

    Raises
    ------
    UserError
        If the shard was not there when duplicates were found, or was measured again since.
    """
    started = time.perf_counter()
    paths = {str(file.path) for file in subset.group(name).files}
    with one_shard(subset.layout, name, subset.options.patience_s, subset.expected_bytes):
        decision = _decision_about(subset, name, paths)
        files = {file.number: file for file in decision.manifests if file.path in paths}
        # aggregates belong to no shard: whoever comes first writes them
        aggregates = {part.number for part in decision.parts if are_aggregates(part.number)}
        _write(subset, decision, {*files, *aggregates})
    waited_for, published = publish_when_whole(subset, earlier)
    parts = [part for part in decision.parts if part.number in files]
    return RefineResult(
        samples_in=sum(file.records for file in files.values()),
        added=sum(outcome.added for outcome in decision.outcomes if outcome.number in files),
        samples_out=sum(part.samples for part in parts),
        files=len(parts),
        data_version=digest([part.key for part in parts]),
        outcome=outcome_version(outcome for outcome in decision.outcomes if outcome.number in files),
        seconds=time.perf_counter() - started,
        waited_for=waited_for,
        published=published,
    )


def _decision_about(subset: SubsetContext, name: str, paths: Collection[str]) -> Decision:
    """Return the decision about a shard, replayed for changed thresholds; new samples need the deduplicate step."""
    with whole_subset(subset.layout, COMMIT_PATIENCE_S, subset.expected_bytes):
        stored = Decision.read(subset.layout)
        now = {file.path: file for file in subset.source.measured_already() if file.path in paths}
        known = {file.path: file for file in stored.manifests} if stored else {}
        if len(now) < len(paths) or any(path not in known or _differ(known[path], now[path]) for path in paths):
            what = f"{subset.recipe.name}_stats" if len(now) < len(paths) else f"{subset.recipe.name}_duplicates"
            raise UserError(f"{subset.recipe.name}: shard {name} is new or has changed; materialize {what} first")
        if stored is None or stored.recipe != subset.plan.refined_hash:
            return decided(subset, measured(subset))
        return stored


def _differ(before: FileManifest, now: FileManifest) -> bool:
    names = ("sha256", "measure_key", "records", "media")
    return any(getattr(before, name) != getattr(now, name) for name in names)


def _write(subset: SubsetContext, decision: Decision, numbers: Collection[int]) -> None:
    layout, published = subset.layout, published_run(subset.layout)
    wanted = [part for part in decision.parts if part.number in numbers and part.size(layout, published) is None]
    write = partial(_write_part, layout=layout, types=decision.types, text_key=subset.recipe.text_key)
    # a copy of an object store gets its files one by one
    threads = 1 if layout.copy else max(1, min(subset.workers, len(wanted), _MOST_WRITERS))
    for_each(subset.options.engine, write, (_piece(layout, decision, part) for part in wanted), threads)
    if subset.is_sharded and layout.copy is not None:
        for path in (path for part in wanted for path in waiting_files(part, layout)):
            layout.copy.push_pending(path)


def _piece(layout: Layout, decision: Decision, part: RefinedFile) -> tuple[RefinedFile, FileManifest, np.ndarray]:
    """Return a refined file, the manifest of its source file, and which samples of that are kept."""
    (measured,) = (file for file in decision.manifests if file.number == part.number)
    require_measured(layout, [measured], ("stats",))
    return part, measured, decision.kept(part.number, layout)


def _write_part(
    part: RefinedFile,
    measured: FileManifest,
    kept: np.ndarray,
    *,
    layout: Layout,
    types: ColumnTypes,
    text_key: str,
) -> None:
    require_measured(layout, [measured], ("cleaned", "fields"))
    write_part(part, kept, layout, types, text_key)


def publish_when_whole(subset: SubsetContext, earlier: Mapping[str, float]) -> tuple[tuple[str, ...], RunResult | None]:
    """Publish the newest decision once all of its files are written; else return the shards that are waited for."""
    started = time.perf_counter()
    with whole_subset(subset.layout, COMMIT_PATIENCE_S, subset.expected_bytes):
        decision = Decision.read(subset.layout)
        if decision is None:
            return (), None
        published = _up_to_date(subset.layout, decision.key, earlier, started)
        if published is not None:
            return (), published
        waited_for = _waited_for(decision, subset.source, subset.groups)
        return (waited_for, None) if waited_for else ((), _publish(subset, decision, earlier, started))


def _waited_for(decision: Decision, source: MeasuredSource, groups: Sequence[Shard]) -> tuple[str, ...]:
    """Return the shards that are not refined yet, or were measured again since the decision."""
    published = published_run(source.layout)
    now = {file.path: file for file in source.measured_already()}
    written = {part.number for part in decision.parts if part.size(source.layout, published) is not None}
    # a file without a part has no samples of its own any more: all have become members of aggregates
    needed = {part.number for part in decision.parts} - written
    ready = {
        file.path
        for file in decision.manifests
        if file.number not in needed and file.path in now and not _differ(file, now[file.path])
    }
    if any(are_aggregates(number) for number in needed):
        ready = set()
    wanted = {file.path for file in decision.manifests if not are_aggregates(file.number)}
    names = [
        group.name
        for group in groups
        if any(str(file.path) in wanted and str(file.path) not in ready for file in group.files)
    ]
    gone = wanted - {str(file.path) for file in source.files}
    return (*names, *sorted(gone))


def _up_to_date(layout: Layout, key: str, earlier: Mapping[str, float], started: float) -> RunResult | None:
    """Return the published run if it has this key and all its files, with the seconds of this call's steps."""
    published = published_run(layout)
    if published and published.result_key == key and all_published(layout, published):
        seconds = sum(earlier.values()) + time.perf_counter() - started
        return RunResult.of_manifest(published, layout, reused=True, seconds=seconds)
    return None


def _publish(
    subset: SubsetContext,
    decision: Decision,
    earlier: Mapping[str, float],
    started: float,
    written: Callable[[], None] | None = None,
) -> RunResult:
    """Publish a decision; `written` waits for its refined files where they are still being written."""
    plan, manifests, measure_key = subset.plan, decision.manifests, subset.source.measure_key
    against = subset.reference.measured()
    require_measured(subset.layout, manifests, ("stats", "signatures", "rejects"))
    release = Release(
        plan=plan,
        layout=subset.layout,
        manifests=manifests,
        outcome_table=decision.outcome_table,
        against=against,
        accompany=subset.options.accompany,
        for_each=partial(for_each, subset.options.engine),
    )

    def manifest_of(refined: Sequence[PublishedFile], statistics: dict[str, Bins]) -> RunManifest:
        """Return the manifest of this run over its refined files."""
        seconds = {**earlier, "refine": time.perf_counter() - started}
        environment = Environment(subset.models, seconds, subset.workers, subset.options.engine, measure_key)
        run_id = next_run_id(subset.layout, decision.key)
        return manifest_of_run(
            run_id,
            plan,
            decision,
            environment,
            files=subset.files,
            refined=refined,
            statistics=statistics,
            notices=(
                *of_files_left_out(subset.left_out),
                *of_links(subset.found),
                *of_partitions(subset.found),
                *of_empty_files(subset.found),
                *of_reference(against, subset.reference.layout),
            ),
        )

    manifest = release.publish(decision.parts, manifest_of, threads=subset.workers, written=written)
    return RunResult.of_manifest(manifest, subset.layout, reused=False)
