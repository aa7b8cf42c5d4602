"""Replay a finished run over its stored files: the samples that other thresholds would keep."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from dj_assets.errors import UserError
from dj_assets.home.identity import FROM_SOURCE
from dj_assets.home.json_files import read_json
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import FileManifest, newest_run, require_measured, stored_manifest
from dj_assets.home.run_manifest import MeasuredFile, ReferenceFile, RunManifest
from dj_assets.measure.measured_source import versions_of
from dj_assets.operators.base import Deduplicator, Selector
from dj_assets.publish.database import NEVER_CREATED
from dj_assets.recipe.plan import Plan, Step
from dj_assets.replay.links import find_links
from dj_assets.replay.population import Population, load_population
from dj_assets.replay.replay import KEPT, REPLAYED, SampleOutcomes, replay
from dj_assets.stores.copies import all_at_hand

# The kinds of measured files that are read.
_READ = (*REPLAYED, "rejects")


@dataclass(frozen=True)
class Kept:
    """Hold the number of samples that the filters alone would keep, and the whole recipe with its deduplicators.

    `of_filters` and `of_recipe` are the numbers of samples that could be kept: in a recipe that makes samples from
    others they depend on the thresholds.
    """

    by_filters: int
    by_recipe: int
    of_filters: int
    of_recipe: int


@dataclass(frozen=True)
class Passed:
    """Samples in and out of one step, in recipe order."""

    operator: str
    index: int
    samples_in: int
    samples_out: int


@dataclass(frozen=True)
class MeasuredRun:
    """The newest finished run in a folder, with the files it measured for a plan; thresholds may differ from its own.

    `threads` are those of DuckDB.
    """

    layout: Layout
    manifest: RunManifest
    plan: Plan
    threads: int = 1

    @classmethod
    def open(cls, folder: Path, plan: Plan, threads: int = 1) -> MeasuredRun:
        """Open the output of `dj-assets run`, or a subset's folder in the data home.

        Raises
        ------
        UserError
            If there is no finished run, if it measured something else than the plan does, or if the folder was
            measured again since.
        """
        for layout in (Layout.output(folder), Layout.home(folder)):
            manifest = newest_run(layout)
            if manifest is not None:
                _require_same_measure(manifest, plan, folder)
                _require_measured_files(manifest, layout)
                run = cls(layout, manifest, plan, threads)
                require_measured(layout, run.manifests, _READ)
                require_measured(layout.against, run.reference, REPLAYED)
                return run
        raise UserError(
            f"{folder}: holds no finished run; give a subset of the gallery or the output of 'dj-assets run'"
        )

    def is_newest(self) -> bool:
        """Return whether no other run was published since."""
        newest = newest_run(self.layout)
        return newest is not None and newest.run_id == self.manifest.run_id

    @property
    def samples_in(self) -> int:
        """The samples of the run, those included that loading dropped or quarantined."""
        return self.manifest.samples_in

    def kept(self, plan: Plan) -> Kept:
        """Replay a plan that measures the same as the run's."""
        _require_same_measure(self.manifest, plan, self.layout.published)
        filters = _filters_alone(plan)
        by_recipe, of_recipe = self._replayed(plan)
        same = filters.steps == plan.steps
        by_filters, of_filters = (by_recipe, of_recipe) if same else self._replayed(filters)
        return Kept(by_filters, by_recipe, of_filters, of_recipe)

    def funnel(self, plan: Plan, *, filters_alone: bool = False) -> list[Passed]:
        """Replay a plan that measures the same as the run's; mappers that end nothing are out.

        With `filters_alone`, no deduplicator or selector drops anything.

        Raises
        ------
        UserError
            If the subset was measured again meanwhile, or the plan measures something else.
        """
        _require_same_measure(self.manifest, plan, self.layout.published)
        plan = _filters_alone(plan) if filters_alone else plan
        outcomes = self._outcome(plan)
        _require_measured_files(self.manifest, self.layout)
        size, children = len(self.plan.steps), self._population.children
        existing = outcomes.outcome != NEVER_CREATED
        ended = np.bincount(outcomes.outcome[existing & ~outcomes.kept], minlength=size)
        created, alive = np.zeros(size, np.int64), len(existing)
        if children is not None:
            made = existing & (children.created_at != FROM_SOURCE)
            created = np.bincount(children.created_at[made], minlength=size)
            alive = int(np.count_nonzero(children.created_at == FROM_SOURCE))
        passed = []
        for step in plan.steps:
            out = alive - int(ended[step.index]) + int(created[step.index])
            if out != alive or step.drops:
                passed.append(Passed(step.label, step.index, alive, out))
            alive = out
        return passed

    def replayed(self, plan: Plan) -> tuple[Population, SampleOutcomes]:
        """Return the samples and what a replay decides about each."""
        return self._population, self._outcome(plan)

    def _replayed(self, plan: Plan) -> tuple[int, int]:
        """Return the number of samples that a plan keeps, and of those that it could keep."""
        outcome = self._outcome(plan).outcome
        if self._population.children is None:
            return int(np.count_nonzero(outcome == KEPT)), self.samples_in
        existing = outcome[outcome != NEVER_CREATED]
        replaced = np.isin(existing, [step.index for step in (*plan.expanders, *plan.groupers)])
        lost = self.samples_in - int(np.count_nonzero(self._population.children.created_at == FROM_SOURCE))
        return int(np.count_nonzero(existing == KEPT)), len(existing) - int(np.count_nonzero(replaced)) + lost

    def _outcome(self, plan: Plan) -> SampleOutcomes:
        self._require_same_groups(plan)
        signatures = [*self._files("signatures", "against"), *self._files("signatures")]
        links = find_links(self.layout, plan, signatures, self._versions, self.threads)
        return replay(plan, self._population, links, threads=self.threads)

    def _require_same_groups(self, plan: Plan) -> None:
        """Raise for a plan that forms other groups: their aggregates are not measured."""
        for step in self.plan.groupers:
            if _up_to(step, plan) != _up_to(step, self.plan):
                raise UserError(
                    f"{self.layout.published}: {step.label} makes other samples of other members; run the recipe with "
                    "the changed bounds to see what it keeps (bounds behind it can be tried out)"
                )

    def measured_files(self, kind: str) -> list[Path]:
        """Return the measured files of one kind, in the order of the source files."""
        return self._files(kind)

    @cached_property
    def _versions(self) -> tuple[str, ...]:
        """Return the data versions of the measured files in the run; the stored near pairs are keyed by them."""
        return versions_of(self.manifest.measure_key, self.manifests, self.reference)

    @property
    def manifests(self) -> list[FileManifest]:
        """The manifests of all source files, in their order."""
        return _stored(self.layout, [file.number for file in self.manifest.files])

    @property
    def reference(self) -> list[FileManifest]:
        """The manifests of the reference set; none where there is no such set."""
        return _stored(self.layout.against, [file.number for file in self.manifest.reference])

    @cached_property
    def _population(self) -> Population:
        files, reference_files = (
            [self._files(kind, of) for kind in ("stats", "signatures")] for of in ("shards", "against")
        )
        return load_population(self.plan, *files, *reference_files)

    def _files(self, kind: str, of: Literal["shards", "against"] = "shards") -> list[Path]:
        if of == "shards":
            return all_at_hand(self.layout.measured(kind, file.number) for file in self.manifest.files)
        return all_at_hand(self.layout.against.measured(kind, file.number) for file in self.manifest.reference)


def _up_to(last: Step, plan: Plan) -> list[Step]:
    return [step for step in plan.steps if step.index <= last.index]


def _filters_alone(plan: Plan) -> Plan:
    """Return the plan without the steps that judge a sample by others; those that decide about groups stay."""
    grouped = max((step.index for step in plan.groupers), default=-1)
    alone = (s for s in plan.steps if s.index < grouped or not isinstance(s.operator, Deduplicator | Selector))
    return replace(plan, steps=tuple(alone))


def _stored(layout: Layout, numbers: Iterable[int]) -> list[FileManifest]:
    manifests = []
    for number in numbers:
        manifest = stored_manifest(layout, number)
        if manifest is None:
            raise UserError(f"{layout.published}: was measured by another version of dj_assets; run it again first")
        manifests.append(manifest)
    return manifests


def _require_same_measure(manifest: RunManifest, plan: Plan, folder: Path) -> None:
    if plan.stats_hash != manifest.stats_hash:
        narrowed = f", or bounds before {manifest.conditional[-1]}" if manifest.conditional else ""
        raise UserError(
            f"{folder}: the run there measured something else than {plan.recipe.file} (other operators, order or "
            f"measuring parameters{narrowed}); run this recipe first"
        )


def _require_measured_files(manifest: RunManifest, layout: Layout) -> None:
    wanted = [(layout.manifest(file.number), _identity(file)) for file in manifest.files]
    wanted += [(layout.against.manifest(file.number), _identity(file)) for file in manifest.reference]
    for path, measured in wanted:
        now = read_json(path) or {}
        # manifests of earlier versions have no media
        if any(now.get(key, "") != value for key, value in measured.items()):
            raise UserError(f"{layout.published}: was measured again since its last run; run it to the end first")


def _identity(file: MeasuredFile | ReferenceFile) -> dict[str, str | int]:
    media = file.media if isinstance(file, MeasuredFile) else ""
    return {"sha256": file.sha256, "records": file.records, "measure_key": file.measure_key, "media": media}
