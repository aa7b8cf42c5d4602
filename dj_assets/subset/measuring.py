"""The first step: every sample measured once, all files by one run or each shard by a run of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import filelock

from dj_assets.home.manifest import FileManifest
from dj_assets.measure.listed_fields import require_media_keys_before
from dj_assets.measure.measured_source import measured_version, source_version
from dj_assets.measure.progress import Report
from dj_assets.measure.work import Task
from dj_assets.media.made import FOLDER
from dj_assets.models.text.counting import summed
from dj_assets.stores import generations
from dj_assets.stores.atomic import remove_leftovers
from dj_assets.subset.context import SubsetContext
from dj_assets.subset.locks import COMMIT_PATIENCE_S, one_shard, putting_into_place, whole_subset
from dj_assets.subset.results import MeasureResult


def measure_subset(subset: SubsetContext, report: Report) -> MeasureResult:
    """Measure every file that is not up to date; count the corpus first where an operator needs it."""
    started = time.perf_counter()
    with whole_subset(subset.layout, subset.options.patience_s, subset.expected_bytes):
        _require_media_keys(subset)
        engine = subset.engine_for(subset.files)
        frequent = subset.corpus.count(engine, report)
        source = subset.source_with(frequent)
        task = Task.of_stage(subset.plan, 0, subset.options.models, frequent)
        manifests, measured = source.measure_files(task, engine, report)
        _measure_reference(subset, report)
    return _result(source.measure_key, manifests, measured, started)


def measure_shard(subset: SubsetContext, name: str, report: Report) -> MeasureResult:
    """Measure the files of one shard that are not up to date; other runs may measure other shards meanwhile."""
    started = time.perf_counter()
    files = subset.group(name).files
    with one_shard(subset.layout, name, subset.options.patience_s, subset.expected_bytes):
        remove_leftovers(subset.layout.work)
        remove_leftovers(subset.layout.published / FOLDER)
        remove_leftovers(subset.layout.published / generations.FOLDER)
        _require_media_keys(subset)
        frequent = subset.corpus.counted()
        source = subset.source_with(frequent)
        manifests, measured = source.measure_files(
            Task.of_stage(subset.plan, 0, subset.options.models, frequent),
            subset.engine_for(files),
            report,
            {file.path for file in files},
            partial(putting_into_place, subset.layout, COMMIT_PATIENCE_S),
        )
        _measure_reference(subset, report)
    return _result(source.measure_key, manifests, measured, started)


def _require_media_keys(subset: SubsetContext) -> None:
    """Raise if operators read media, and no record of the source has their key."""
    require_media_keys_before(subset.plan, subset.layout, subset.files, subset.options.limit)


def _measure_reference(subset: SubsetContext, report: Report) -> None:
    """Sign the reference set, once for all shards."""
    if subset.against:
        subset.layout.against.work.mkdir(parents=True, exist_ok=True)
        task = Task(subset.plan.signing, subset.options.models)
        with filelock.FileLock(subset.layout.against.lock):
            subset.reference.measure_files(task, subset.engine_for(subset.against), report)


def _result(measure_key: str, manifests: Sequence[FileManifest], measured: int, started: float) -> MeasureResult:
    return MeasureResult(
        samples=sum(file.records for file in manifests),
        files_measured=measured,
        files_reused=len(manifests) - measured,
        text_bytes=sum(file.text_bytes for file in manifests),
        seconds=time.perf_counter() - started,
        source_version=source_version(manifests),
        data_version=measured_version(measure_key, manifests),
        calls=summed(file.calls for file in manifests),
    )
