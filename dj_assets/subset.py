"""The use case: the source of a subset to its statistics, duplicates and refined shards. Knows nothing of Dagster."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

import filelock

from dj_assets import settings
from dj_assets.engine.clusters import NearPairs
from dj_assets.engine.corpus import Corpus, Frequent
from dj_assets.engine.funnel import FunnelStep, balance, make_funnel
from dj_assets.engine.links import find_links
from dj_assets.engine.progress import Report, silent
from dj_assets.engine.record import against_record, circumstances, fates, run_record, seconds_by_step
from dj_assets.engine.replay import Outcome, Population, load_population, replay
from dj_assets.engine.shards import Shards, measured_version, source_version, version_with_reference
from dj_assets.engine.work import Task
from dj_assets.errors import UserError
from dj_assets.models.store import ModelStore
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.model import Recipe
from dj_assets.recipe.plan import Plan, digest, make_plan
from dj_assets.storage.inputs import against_of, files_of
from dj_assets.storage.layout import Layout
from dj_assets.storage.manifest import ShardManifest, all_published, measured_files, newest_run, read_json, write_json
from dj_assets.storage.publish import recover, remove_leftovers
from dj_assets.storage.release import Accompany, Release
from dj_assets.storage.sources import SourceFile

# Below this many bytes of (compressed) input a further worker costs more to start than it saves.
BYTES_A_WORKER = 1_000_000

# Part of the identity of a result: raise it when published files get another form.
RELEASE = 3

Format = Literal["parquet", "jsonl"]


@dataclass(frozen=True)
class Options:
    """How to run, never what comes out: results are the same for every number of workers.

    `limit` reads only the first so many records; `workers` defaults to the recipe's `np`, else to the CPUs at hand,
    and to fewer for small inputs. `accompany` writes what people read beside the data, see `Release`.
    """

    workers: int | None = None
    limit: int | None = None
    format: Format = "parquet"
    models: ModelStore = field(default_factory=ModelStore)
    accompany: Accompany | None = None


@dataclass(frozen=True)
class MeasureResult:
    """What `measure` did: shards measured now and those found up to date."""

    samples: int
    shards_measured: int
    shards_reused: int
    text_bytes: int
    seconds: float
    source_version: str
    data_version: str


@dataclass(frozen=True)
class DeduplicateResult:
    """What `deduplicate` found: duplicates that the recipe drops, and the near pairs behind them.

    `against` of the duplicates are those of the reference set.
    """

    duplicates: int
    clusters: int
    near_pairs: int
    seconds: float
    data_version: str
    against: int = 0


@dataclass(frozen=True)
class RunResult:
    """A published run. `reused` says that everything was up to date and nothing was written."""

    folder: Path
    run_id: str
    samples_in: int
    samples_out: int
    dropped: int
    quarantined: int
    retention: float
    funnel: tuple[FunnelStep, ...]
    manifest: Mapping[str, Any]
    database: Path
    refined: tuple[Path, ...]
    data_version: str
    reused: bool

    @classmethod
    def of_manifest(cls, manifest: Mapping[str, Any], layout: Layout, *, reused: bool) -> RunResult:
        """Describe what lies in the folder, from the manifest of the run that published it."""
        return cls(
            folder=layout.published,
            run_id=manifest["run_id"],
            **{name: manifest[name] for name in ("samples_in", "samples_out", "dropped", "quarantined", "retention")},
            funnel=tuple(FunnelStep.of_json(step) for step in manifest["funnel"]),
            manifest=manifest,
            database=layout.database,
            refined=tuple(layout.refined / part["name"] for part in manifest["refined"]),
            data_version=manifest["result_key"],
            reused=reused,
        )


class Subset:
    """One recipe over one source, with its folder. Steps pass no data, only files: any may be run again alone."""

    def __init__(
        self,
        recipe: Recipe,
        inputs: Sequence[str | Path] | None,
        layout: Layout,
        options: Options,
        against: Sequence[str | Path] | None = None,
    ) -> None:
        """Find the files of the inputs, read as the recipe reads its own source; of that source where None.

        `against` are other files to deduplicate against than those that the recipe names.
        """
        self.recipe = recipe
        self.plan: Plan = make_plan(recipe)
        self.layout = layout
        self.options = options
        self.models = self.plan.models(options.models)
        self.files: tuple[SourceFile, ...] = files_of(recipe, inputs)
        self.against: tuple[SourceFile, ...] = against_of(recipe, self.files, against)
        if self.against and self.plan.corpus_mappers:
            label = self.plan.corpus_mappers[0].label
            raise UserError(f"{recipe.file}: {label} cannot stand in a recipe that is deduplicated against another set")
        self.seconds: dict[str, float] = {}
        self._replayed: dict[str, tuple[Population, Outcome, int]] = {}

    @classmethod
    def of_asset(cls, recipe: Recipe, options: Options | None = None) -> Subset:
        """Open the subset of a gallery recipe, its source as configured, its folder in the data home.

        Raises
        ------
        UserError
            If the source, a model or the recipe has a fault; no data is read before.
        """
        if recipe.asset is None:
            raise UserError(f"{recipe.file}: has no 'asset:' block; use 'dj-assets run' or add one")
        folder = settings.data_home() / recipe.asset.subset
        return cls(recipe, None, Layout.home(folder), options or Options())

    @cached_property
    def measure_key(self) -> str:
        """The identity of what is measured: operators, parameters without thresholds, models, what is frequent."""
        return self.corpus.measure_key(self.frequent)

    @property
    def corpus(self) -> Corpus:
        """The source, to be counted as a whole."""
        return Corpus(self.plan, self.files, self.layout, self.options.models, self.options.limit, self.workers)

    @cached_property
    def frequent(self) -> Frequent:
        """What is frequent in the source, as it was counted."""
        return self.corpus.counted()

    def run(self, report: Report = silent) -> RunResult:
        """Measure, deduplicate and refine."""
        self.measure(report)
        self.deduplicate()
        return self.refine()

    def measure(self, report: Report = silent) -> MeasureResult:
        """Measure every shard that is not up to date: one pass over its samples, one more where it is counted first."""
        started = time.perf_counter()
        with self._locked():
            self.frequent = self.corpus.count(self.workers, report)
            task = Task(self.plan, self.options.models, self.frequent)
            shards, measured = self.shards.measure(task, self.workers, report)
            if self.against:
                self.reference.measure(Task(self.plan.signing, self.options.models), self.workers, report)
        self.seconds["measure"] = time.perf_counter() - started
        return MeasureResult(
            samples=sum(shard.records for shard in shards),
            shards_measured=measured,
            shards_reused=len(shards) - measured,
            text_bytes=sum(shard.text_bytes for shard in shards),
            seconds=self.seconds["measure"],
            source_version=source_version(shards),
            data_version=measured_version(self.measure_key, shards),
        )

    def deduplicate(self) -> DeduplicateResult:
        """Find the near pairs of every deduplicator, over all shards, and replay the recipe over them."""
        started = time.perf_counter()
        with self._locked():
            shards = self.shards.measured()
            population, outcome, pairs = self._replay(shards)
        self.seconds["deduplicate"] = time.perf_counter() - started
        twins = [kept[kept >= 0].tolist() for kept in (outcome.keeper, outcome.against)]
        found = [kept.tobytes().hex() for kept in (outcome.keeper, outcome.against) if (kept >= 0).any()]
        return DeduplicateResult(
            duplicates=int(outcome.duplicate.sum()),
            clusters=sum(len(set(kept)) for kept in twins),
            near_pairs=pairs,
            seconds=self.seconds["deduplicate"],
            data_version=digest([len(population), *found]),
            against=len(twins[1]),
        )

    def refine(self) -> RunResult:
        """Replay the recipe and publish the kept samples with the funnel, the fates and the statistics.

        Raises
        ------
        ConservationError
            If samples in are not kept + dropped + quarantined; nothing is published then.
        """
        started = time.perf_counter()
        with self._locked():
            shards = self.shards.measured()
            version = self._version_with_reference(shards)
            result_key = digest([self.plan.refined_hash, version, self.options.format, RELEASE])
            published = newest_run(self.layout)
            if published and published["result_key"] == result_key and all_published(self.layout, published):
                return RunResult.of_manifest(published, self.layout, reused=True)
            manifest = self._publish(shards, result_key, started)
        return RunResult.of_manifest(manifest, self.layout, reused=False)

    def _publish(self, shards: Sequence[ShardManifest], result_key: str, started: float) -> dict[str, Any]:
        population, outcome, _ = self._replay(shards)
        counts = balance(shards, population, outcome)
        funnel = make_funnel(self.plan, outcome, counts, seconds_by_step(shards))
        release = Release(
            plan=self.plan,
            layout=self.layout,
            shards=shards,
            shard_of=population.shard,
            kept=outcome.kept,
            fates=fates(population, outcome),
            against=self.reference.measured(),
            format=self.options.format,
            accompany=self.options.accompany,
        )

        def manifest_of(parts: list[dict[str, Any]]) -> dict[str, Any]:
            """Return the record of this run over its refined shards."""
            self.seconds["refine"] = time.perf_counter() - started
            return {
                **run_record(self.plan, result_key, counts, funnel),
                **circumstances(self.models, shards, self.seconds, self.workers),
                "measure_key": self.measure_key,
                "short_texts": outcome.short_texts,
                **against_record(release.against, outcome),
                "refined": parts,
            }

        return release.publish(manifest_of, threads=self.workers)

    @cached_property
    def shards(self) -> Shards:
        """The shards of the source, in order."""
        return Shards(self.files, self.layout, self.measure_key, self.recipe.text_key, self.options.limit)

    @cached_property
    def reference(self) -> Shards:
        """The shards of the reference set, in order: they are signed only."""
        # signatures are found by names that tell the place of their step
        names = [step.signature for step in self.plan.deduplicators]
        key = digest([self.plan.signing.measure_key(self.options.models), names])
        return Shards(self.against, self.layout.against, key, self.recipe.text_key)

    @property
    def workers(self) -> int:
        """How many worker processes to use."""
        if self.options.workers is not None:
            return self.options.workers
        wanted = self.recipe.workers or settings.default_workers()
        useful = math.ceil(sum(file.size for file in self.files) / BYTES_A_WORKER)
        return max(1, min(wanted, settings.default_workers(), useful))

    def _replay(self, shards: Sequence[ShardManifest]) -> tuple[Population, Outcome, int]:
        """Replay the recipe; steps that follow each other on the same measured files share one replay."""
        version = self._version_with_reference(shards)
        if version not in self._replayed:
            self._replayed = {version: self._replay_anew(shards, version)}
        return self._replayed[version]

    def _replay_anew(self, shards: Sequence[ShardManifest], version: str) -> tuple[Population, Outcome, int]:
        stats, signatures = (measured_files(self.layout, kind, shards) for kind in ("stats", "signatures"))
        reference = self.reference.measured()
        theirs = [measured_files(self.layout.against, kind, reference) for kind in ("stats", "signatures")]
        links = find_links(self.layout, self.plan, [*theirs[1], *signatures], version)
        population = load_population(self.plan, stats, signatures, *theirs)
        outcome = replay(self.plan, population, links, threads=self.workers)
        return population, outcome, sum(len(found.a) for found in links.values() if isinstance(found, NearPairs))

    def _version_with_reference(self, shards: Sequence[ShardManifest]) -> str:
        return version_with_reference(measured_version(self.measure_key, shards), self.reference.measured())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.layout.work.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(self.layout.lock)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            raise UserError(f"{self.layout.published}: another run is at work there; wait for it or stop it") from None
        try:
            recover(self.layout.published)
            remove_leftovers(self.layout.work)
            yield
        finally:
            lock.release()


def run_recipe(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    inputs: Sequence[str | Path],
    output: str | Path,
    *,
    against: Sequence[str | Path] | None = None,
    models: str | Path | None = None,
    overwrite: bool = False,
    report: Report = silent,
    engine: Literal["local"] = "local",
    **options: Unpack[RunOptions],
) -> RunResult:
    """Run any recipe over any files; the output folder holds everything described in the README.

    Parameters
    ----------
    recipe
        A YAML file, or a dict with the same keys. It needs no `asset:` block.
    inputs
        Files, folders or globs, relative to the current folder.
    output
        A folder that is new, empty, or holds an earlier run of the same recipe and inputs, which then goes on.
    against
        Files, folders or globs of a reference set: samples that are duplicates of its samples are dropped. It replaces
        what the recipe names.
    models
        A folder searched for models before all others.
    overwrite
        Take a folder that holds another run; what is measured already and still right is used again.
    options
        `workers`, `limit` (records read), `format` of the refined shards ("parquet" or "jsonl"), `accompany`.

    Raises
    ------
    UserError
        For a fault in the recipe, the inputs, the models or the output folder, before any data is read.
    """
    if engine != "local":
        raise UserError(f"unknown engine {engine!r}; there is 'local'")
    checked = load_recipe(recipe)
    layout = Layout.output(Path(output).resolve())
    files = [Path.cwd() / path for path in inputs]
    reference = None if against is None else [Path.cwd() / path for path in against]
    subset = Subset(checked, files, layout, Options(models=ModelStore.with_folder(models), **options), reference)
    _claim(subset, overwrite=overwrite)
    return subset.run(report)


class RunOptions(TypedDict, total=False):
    """The keyword arguments of `run_recipe` that become `Options`."""

    workers: int | None
    limit: int | None
    format: Format
    accompany: Accompany | None


def _claim(subset: Subset, *, overwrite: bool) -> None:
    """Make the output folder ours; refuse one that holds something else, unless told to overwrite."""
    folder, mark = subset.layout.published, subset.layout.work / "claim.json"
    options = subset.options
    claim = {
        "refined_hash": subset.plan.refined_hash,
        "inputs": [str(file.path) for file in subset.files],
        "options": [options.limit, options.format],
        **({"against": [str(file.path) for file in subset.against]} if subset.against else {}),
    }
    if not overwrite and folder.exists() and any(folder.iterdir()) and read_json(mark) != claim:
        raise UserError(f"{folder}: is in use by another run or other files; choose a new folder or pass --overwrite")
    write_json(mark, claim)
