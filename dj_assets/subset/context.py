"""A subset that is opened: its recipe, plan, source files and folder, as the steps take them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Self

from dj_assets import settings
from dj_assets.errors import RecipeError, UserError
from dj_assets.home.disk import expected_bytes
from dj_assets.home.home import home_layout
from dj_assets.home.layout import Layout
from dj_assets.measure.engines import OpenEngine, on_ray, on_this_machine
from dj_assets.measure.measured_source import MeasuredSource
from dj_assets.recipe.model import GalleryRecipe, Recipe
from dj_assets.recipe.plan import Plan, Step, digest, make_plan
from dj_assets.sources.bundles import bundled
from dj_assets.sources.sources import SourceFile
from dj_assets.stores.path import SourcePath
from dj_assets.subset.corpus import Corpus, Frequent
from dj_assets.subset.grouping import Shard, shards_of
from dj_assets.subset.inputs import against_of, files_of
from dj_assets.subset.references import References
from dj_assets.subset.results import Options
from dj_assets.urls import is_url

# Below this many bytes of (compressed) input a further worker costs more to start than it saves.
BYTES_A_WORKER = 1_000_000
_TEXT_KEY_OF_REFERENCE = (
    "the reference set has its own key: name it with --against-text-key, or as 'text_key' of asset.against"
)


class SubsetContext:
    """One recipe over one source, with its folder. Steps read it and change nothing in it."""

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
        self.left_out: list[SourcePath] = []
        self.found: tuple[SourceFile, ...] = files_of(recipe, inputs, self.left_out)
        self.files = self._bundled()
        self.against: tuple[SourceFile, ...] = against_of(
            recipe, self.found, against, self.left_out, options.against_text_key
        )
        if self.against and self.plan.corpus_mappers:
            label = self.plan.corpus_mappers[0].label
            raise UserError(f"{recipe.file}: {label} cannot stand in a recipe that is deduplicated against another set")
        if self.against and (late := deduplicators_of_aggregates(self.plan)):
            label = late[0].label
            raise UserError(f"{recipe.file}: {label} stands behind a grouper and cannot compare with another set")
        self.references = References.of(self.plan, layout)
        refuse_remote_archives(self.plan, (*self.files, *self.against))

    @classmethod
    def of_asset(cls, recipe: GalleryRecipe, options: Options | None = None) -> Self:
        """Open the subset of a gallery recipe, its source as configured, its folder in the data home.

        Raises
        ------
        UserError
            If the source, a model or the recipe has a fault; no data is read before.
        """
        return cls(recipe, None, home_layout(recipe.asset.subset), options or Options())

    def _bundled(self) -> tuple[SourceFile, ...]:
        """Return the source files, many small ones joined, where nothing needs each of them by itself."""
        options = self.options
        if self.recipe.shards is not None or options.limit is not None:
            return self.found
        return bundled(self.found, options.part_bytes, with_media=bool(self.plan.media))

    @property
    def corpus(self) -> Corpus:
        """The source, to be counted as a whole."""
        options = self.options
        return Corpus(self.plan, self.files, self.layout, options.models, options.limit, self.workers, self.references)

    @property
    def source(self) -> MeasuredSource:
        """Return the source with its measured files, in order; the corpus was counted before.

        Raises
        ------
        UserError
            Naming the first file that is not counted, or has changed since.
        """
        return self.source_with(self.corpus.counted())

    def source_with(self, frequent: Frequent) -> MeasuredSource:
        """Return the source with its measured files, in order, given the frequent keys of its corpus.

        Its measure key covers operators, parameters without thresholds, models and what is frequent.
        """
        key = self.corpus.measure_key(frequent)
        return MeasuredSource(self.files, self.layout, key, self.recipe.text_key, self.options.limit)

    @cached_property
    def reference(self) -> MeasuredSource:
        """Return the reference set with its measured files, in order: it is signed only."""
        # signatures are found by names that tell the place of their step
        names = [step.signature for step in self.plan.deduplicators]
        key = digest([self.plan.signing.measure_key(self.options.models), names])
        return MeasuredSource(
            self.against, self.layout.against, key, self.recipe.text_key, text_key_fix=_TEXT_KEY_OF_REFERENCE
        )

    @property
    def is_sharded(self) -> bool:
        """Return whether the recipe groups its source into shards."""
        return self.recipe.shards is not None

    @cached_property
    def groups(self) -> tuple[Shard, ...]:
        """The shards of a sharded subset, in the order of its source; none of one that is not sharded."""
        sharding = self.recipe.shards
        if sharding is None:
            return ()
        refuse_unshardable(self.plan)
        return shards_of(self.layout, self.files, sharding)

    def group(self, name: str) -> Shard:
        """Return the shard of a name.

        Raises
        ------
        UserError
            If there is none: its files are gone.
        """
        shard = next((group for group in self.groups if group.name == name), None)
        if shard is None:
            raise UserError(f"{self.recipe.name}: has no shard {name!r}; its files are gone, or it never had any")
        return shard

    def expected_bytes(self) -> int:
        """Return about how many bytes on the disk the subset takes in all."""
        return expected_bytes(self.plan, self.files)

    @property
    def workers(self) -> int:
        """Return the number of processes or threads of this machine to use for the whole source."""
        # `--workers` are those of the cluster, where one is chosen
        return settings.default_workers() if self.options.engine == "ray" else self.workers_for(self.files)

    def workers_for(self, files: Sequence[SourceFile]) -> int:
        """Return how many worker processes of this machine to use for some files."""
        if self.options.workers is not None:
            return self.options.workers
        wanted = self.recipe.workers or settings.default_workers()
        return max(1, min(wanted, settings.default_workers(), self._useful_workers(files)))

    def engine_for(self, files: Sequence[SourceFile]) -> OpenEngine:
        """Return what opens the engine that measures some files."""
        if self.options.engine == "ray":
            return partial(on_ray, workers=self.options.workers or self._useful_workers(files))
        return partial(on_this_machine, workers=self.workers_for(files))

    def _useful_workers(self, files: Sequence[SourceFile]) -> int:
        enough = self.plan.block_bytes if self.plan.media else BYTES_A_WORKER
        return max(1, math.ceil(sum(file.size for file in files) / enough))


def deduplicators_of_aggregates(plan: Plan) -> tuple[Step, ...]:
    """Return the deduplicators that compare samples made of many."""
    first = min((step.index for step in plan.groupers), default=len(plan.steps))
    return tuple(step for step in plan.deduplicators if step.index > first)


def refuse_remote_archives(plan: Plan, files: Sequence[SourceFile]) -> None:
    """Raise for a recipe that reads images or clips of archives in an object store.

    Raises
    ------
    UserError
        Naming the place, and what to do.
    """
    for file in files if plan.media else ():
        if file.format == "tar" and is_url(file.path):
            raise UserError(
                f"{plan.recipe.file}: {file.path}: images and clips in archives are not read from an object store; "
                "copy the archives to a disk, or lay their members into the store one by one"
            )


def refuse_unshardable(plan: Plan) -> None:
    """Raise for a recipe whose shards cannot be measured by themselves.

    Raises
    ------
    RecipeError
        If an operator counts the corpus: one shard more would have all others measured again.
    """
    for step in plan.corpus_mappers:
        raise RecipeError(
            plan.recipe.file,
            f"{step.label} counts the whole corpus, so its shards cannot be measured one by one",
            key="asset.shards",
            fix="leave it out",
        )
