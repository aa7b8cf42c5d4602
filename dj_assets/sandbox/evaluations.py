"""Evaluations: one run of a hook on a pool with a seed; a finished one is never run again."""

from __future__ import annotations

import datetime
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import filelock

from dj_assets.evaluation.evaluation_records import EvaluationRecord, append, records_folder
from dj_assets.home.json_files import read_json, write_json
from dj_assets.included import samples_folder
from dj_assets.recipe.plan import digest
from dj_assets.sandbox.experiment import ExperimentEntry, Sandbox
from dj_assets.sandbox.files import PoolContents
from dj_assets.sandbox.hook_file import interpreter
from dj_assets.sandbox.hooks import Call, HookFailedError, StoppedError
from dj_assets.sandbox.ranking import Results, Score, rank

_RESULT = "result.json"
_LOOK_EVERY_S = 0.1


@dataclass(frozen=True)
class Evaluation:
    """The result of one training. `reused` is true where it was finished before and nothing was run.

    `why` is, for a failed one, the reason with the tail of its log.
    """

    pool: str
    seed: int
    key: str
    status: Literal["done", "failed"]
    metrics: Mapping[str, float]
    why: str
    seconds: float
    at: str
    reused: bool = False


def evaluation_key(sandbox: Sandbox, entry: ExperimentEntry, seed: int) -> str:
    """Return the identity of a training: the content of the pool, the hook, the seed."""
    return digest([entry.content, sandbox.hook.identity(), seed])


def stored(sandbox: Sandbox, entry: ExperimentEntry, seed: int) -> Evaluation | None:
    """Return the result of a training, None where it was not finished."""
    key = evaluation_key(sandbox, entry, seed)
    content = read_json(_folder(sandbox) / key / _RESULT)
    return Evaluation(**{**content, "pool": entry.pool.name, "reused": True}) if content else None


def evaluate(sandbox: Sandbox, pool: str, seed: int, stop: threading.Event | None = None) -> Evaluation:
    """Train on a pool and evaluate, unless this is finished; a failed evaluation is tried again.

    If another process works on the same evaluation, wait for it.

    Raises
    ------
    UserError
        If there is no such pool.
    StoppedError
        If `stop` was set meanwhile.
    """
    entry = sandbox.entry(pool)
    key = evaluation_key(sandbox, entry, seed)
    folder = _folder(sandbox) / key
    folder.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder / ".lock"):
        before = stored(sandbox, entry, seed)
        if before is not None and before.status == "done":
            return before
        # while it is tried again it is not finished, so that others do not remove the pool's file
        (folder / _RESULT).unlink(missing_ok=True)
        made = _run(sandbox, entry, seed, key, stop or threading.Event())
        _enter(sandbox, made)
        # written last: this marks the evaluation as finished
        write_json(folder / _RESULT, {name: value for name, value in vars(made).items() if name != "reused"})
    _forget_data(sandbox, entry)
    return made


@dataclass(frozen=True)
class Loop:
    """A loop over many evaluations, one at a time for each slot of the hook; it calls `done` for each."""

    sandbox: Sandbox
    done: Callable[[Evaluation], None] = lambda _: None
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self, pools: Sequence[str]) -> list[Evaluation]:
        """Evaluate every pool with every seed of the hook; failed ones do not stop the others."""
        work = [(pool, seed) for pool in pools for seed in self.sandbox.hook.seeds]
        with ThreadPoolExecutor(self.sandbox.hook.slots) as threads:
            futures = [threads.submit(evaluate, self.sandbox, pool, seed, self.stop) for pool, seed in work]
            try:
                made = list(self._finished(futures))
            except BaseException:
                self.stop.set()
                threads.shutdown(wait=True, cancel_futures=True)
                raise
        return made

    def _finished(self, futures: Sequence[Future[Evaluation]]) -> Iterator[Evaluation]:
        for future in as_completed(futures):
            made = future.result()
            self.done(made)
            yield made


def results(sandbox: Sandbox, entries: Sequence[ExperimentEntry]) -> dict[str, Results]:
    """Return the results so far of every pool."""
    return {entry.pool.name: _results(sandbox, entry) for entry in entries}


def rankings(sandbox: Sandbox) -> dict[str, list[Score]]:
    """Return the scores of every round by its name, best pool first."""
    return {
        round_.name: rank(results(sandbox, round_.entries), round_.baseline, sandbox.hook.metrics)
        for round_ in sandbox.rounds()
    }


def _results(sandbox: Sandbox, entry: ExperimentEntry) -> Results:
    evaluations = {seed: stored(sandbox, entry, seed) for seed in sandbox.hook.seeds}
    done = {
        seed: evaluation.metrics
        for seed, evaluation in evaluations.items()
        if evaluation and evaluation.status == "done"
    }
    # metrics that were added to the hook file since
    usable = {seed: numbers for seed, numbers in done.items() if set(sandbox.hook.metrics) <= set(numbers)}
    missing = {
        seed: (evaluation.why if evaluation else "not run yet")
        for seed, evaluation in evaluations.items()
        if seed not in usable
    }
    return Results(usable, missing)


def _run(sandbox: Sandbox, entry: ExperimentEntry, seed: int, key: str, stop: threading.Event) -> Evaluation:
    hook, started = sandbox.hook, time.perf_counter()
    attempt = _folder(sandbox) / key / f"attempt-{uuid.uuid4().hex[:8]}"
    status: Literal["done", "failed"] = "failed"
    metrics: dict[str, float] = {}
    why = ""
    with _slot(sandbox, stop) as slot:
        values = {
            "data": str(_data(sandbox, entry)),
            "count": str(entry.samples * entry.pool.repeat),
            "seed": str(seed),
            "out": str(attempt),
            "base": hook.base,
            "pool": entry.pool.name,
            "slot": str(slot),
            "python": interpreter(),
            "samples": str(samples_folder()),
        }
        try:
            metrics = Call(hook, values, attempt, stop).run()
            status = "done"
        except HookFailedError as error:
            why = str(error)
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return Evaluation(entry.pool.name, seed, key, status, metrics, why, round(time.perf_counter() - started, 3), at)


def _enter(sandbox: Sandbox, made: Evaluation) -> None:
    """Store the numbers of the hook as evaluation records of this version of the subset."""
    hook, run = sandbox.hook, sandbox.run.manifest
    records = [
        EvaluationRecord(
            subset=sandbox.subset,
            model=hook.model,
            benchmark=name,
            value=made.metrics[name],
            unit=metric.unit,
            higher_is_better=metric.higher_is_better,
            refined_hash=run.refined_hash,
            run_id=run.run_id,
            pool=made.pool,
            seed=made.seed,
            source=str(hook.file),
            command_hash=hook.identity(),
        )
        for name, metric in hook.metrics.items()
        if name in made.metrics
    ]
    if records:
        append(records_folder(sandbox.folder.parent), records)


def _data(sandbox: Sandbox, entry: ExperimentEntry) -> Path:
    """Return the file of a pool, which is written when a command first needs it."""
    target = _data_path(sandbox, entry)
    target.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(target.with_name(f".{target.name}.lock")):
        if not target.exists():
            PoolContents.of(sandbox.run, entry.pool).write(sandbox.run, target, sandbox.hook.format)
    return target


def _forget_data(sandbox: Sandbox, entry: ExperimentEntry) -> None:
    """Remove the file of a pool once all its seeds have run."""
    if all(stored(sandbox, entry, seed) for seed in sandbox.hook.seeds):
        target = _data_path(sandbox, entry)
        if target.is_dir():
            shutil.rmtree(target, ignore_errors=True)
        else:
            target.unlink(missing_ok=True)


def _data_path(sandbox: Sandbox, entry: ExperimentEntry) -> Path:
    suffix = {"jsonl": ".jsonl", "parquet": "", "ids": ".txt"}[sandbox.hook.format]
    return sandbox.folder / "data" / f"{entry.content}{suffix}"


@contextmanager
def _slot(sandbox: Sandbox, stop: threading.Event) -> Iterator[int]:
    """Take a slot of the hook that no process of this machine uses."""
    folder = sandbox.folder / "slots"
    folder.mkdir(parents=True, exist_ok=True)
    locks = [filelock.FileLock(folder / f"{number}.lock", is_singleton=False) for number in range(sandbox.hook.slots)]
    while not stop.is_set():
        for number, lock in enumerate(locks):
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                continue
            try:
                yield number
            finally:
                lock.release()
            return
        stop.wait(_LOOK_EVERY_S)
    raise StoppedError


def _folder(sandbox: Sandbox) -> Path:
    return sandbox.folder / "evaluations"
