"""The replay over all files in pieces. It gives the result of one machine; the driver holds no data per sample."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds

from dj_assets.home.layout import Layout
from dj_assets.home.manifest import FileManifest, measured_files
from dj_assets.recipe.plan import Plan
from dj_assets.replay.partitioned.job import Job, deduplicator, keys_a_sample
from dj_assets.replay.partitioned.near import send_near_pairs
from dj_assets.replay.partitioned.replaying import advance, count_kept_duplicates, finish, select
from dj_assets.replay.partitioned.stars import Run
from dj_assets.replay.partitioned.uniting import unite
from dj_assets.replay.result import OUTCOME_SCHEMA, DuplicatesVersion, ReplayResult

# Approximate number of signatures or keys of a part: 16 bytes each, and four times that while they are sorted.
_AT_ONCE = 1 << 22
# Bounds of the number of parts: fewer would leave most of a cluster idle, more would need too many files.
_PARTS = (8, 2048)


@contextmanager
def replay_in_pieces(
    run: Run,
    layout: Layout,
    plan: Plan,
    *,
    manifests: Sequence[FileManifest],
    reference: Sequence[FileManifest],
    versions: Sequence[str],
) -> Iterator[ReplayResult]:
    """Replay a plan over all files; the outcomes are in files, which are removed at the end of the `with` block.

    `run` calls a function with the arguments of every piece, on any machine. `versions` identify the measured files
    of all files (`find_links`).
    """
    remove_pieces(layout)
    try:
        job = _job(_folder(layout), layout, plan, manifests, reference)
        pairs = _follow(run, job, layout, versions)
        yield _summed_up(run, job, plan, pairs)
    finally:
        remove_pieces(layout)


def remove_pieces(layout: Layout) -> None:
    """Remove the files of a decision that is finished, or whose process was killed."""
    shutil.rmtree(_folder(layout), ignore_errors=True)
    with suppress(OSError):  # others are at work there, or there is nothing
        _folder(layout).parent.rmdir()


def _folder(layout: Layout) -> Path:
    return layout.work / "under_way" / "decision"


def _job(
    folder: Path,
    layout: Layout,
    plan: Plan,
    manifests: Sequence[FileManifest],
    reference: Sequence[FileManifest],
) -> Job:
    both = [*reference, *manifests]
    stats, signatures_here = (measured_files(layout, kind, manifests) for kind in ("stats", "signatures"))
    signatures = [*measured_files(layout.against, "signatures", reference), *signatures_here]
    starts = np.cumsum([0, *(file.rows for file in both)])
    keys = max((keys_a_sample(signatures, step.signature) for step in plan.deduplicators), default=1)
    job = Job(
        pickled=pickle.dumps(plan),
        custom_operators=tuple(plan.recipe.custom_operators),
        signatures=tuple(signatures),
        stats=tuple(stats),
        numbers=tuple(file.number for file in both),
        starts=tuple(starts.tolist()),
        references=int(starts[len(reference)]),
        parts=int(np.clip(-(-int(starts[-1]) * keys // _AT_ONCE), *_PARTS)),
        folder=folder,
    )
    job.write()
    return job


def _follow(run: Run, job: Job, layout: Layout, versions: Sequence[str]) -> int:
    """Take all samples through the recipe; return the number of near pairs."""
    near_pairs = 0
    files = range(len(job.signatures))
    for number, segment in enumerate(job.segments):
        run(advance, [(job, file, number) for file in files if segment.deduplicator or file in job.own])
        if segment.selector is not None:
            run(select, [(job, number)])
        step = segment.deduplicator
        if step is None:
            continue
        near = None
        if deduplicator(step).may_be_near:
            near, count = send_near_pairs(run, job, layout, step, versions[job.plan.stage_of(step)])
            near_pairs += count
        unite(run, job, number, near)
    return near_pairs


def _summed_up(run: Run, job: Job, plan: Plan, near_pairs: int) -> ReplayResult:
    tables, hashed = (
        [job.folder / kind / f"{file:05d}.parquet" for file in job.own] for kind in ("outcomes", "hashed")
    )
    finished = run(finish, [(job, *piece) for piece in zip(job.own, tables, hashed, strict=True)])
    short = sum((counts for _, counts in finished), np.zeros(len(plan.steps), np.int64))
    return ReplayResult(
        file_counts=[counts for counts, _ in finished],
        version=_version(job, hashed),
        clusters=sum(run(count_kept_duplicates, [(job, file) for file in range(len(job.signatures))])),
        near_pairs=near_pairs,
        short_texts={
            step.label: int(short[step.index]) for step in plan.deduplicators if deduplicator(step).short_text_keys
        },
        outcome_table=ds.dataset([str(table) for table in tables], schema=OUTCOME_SCHEMA)
        if tables
        else ds.dataset(OUTCOME_SCHEMA.empty_table()),
    )


def _version(job: Job, hashed: Sequence[Path]) -> str:
    """Return the version of the duplicates, file by file: kept duplicates of the subset, then of the reference set."""
    version = DuplicatesVersion(job.starts[-1] - job.references)
    for against in (False, True):
        for path in hashed:
            duplicates = np.load(path)
            duplicates = duplicates[(duplicates["kept_duplicate"] < job.references) == against]
            kept_duplicates = duplicates["kept_duplicate"] - (0 if against else job.references)
            version.add(duplicates["sample"] - job.references, kept_duplicates)
        version.end()
    return version.digest()
