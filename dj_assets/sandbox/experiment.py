"""The experiment: cut a measured subset into pools, run a hook on each, combine the best thirds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from dj_assets import settings
from dj_assets.errors import UserError
from dj_assets.home.home import require_local
from dj_assets.home.json_files import read_json, write_json
from dj_assets.operators.base import Filter
from dj_assets.operators.registry import nearest
from dj_assets.publish.database import reading
from dj_assets.recipe.model import GalleryRecipe
from dj_assets.recipe.plan import Plan, digest, make_plan
from dj_assets.recipe.sandbox_block import SandboxBlock
from dj_assets.sandbox.correlations import between_statistics, means
from dj_assets.sandbox.cuts import Probed, find_thirds
from dj_assets.sandbox.files import PoolContents
from dj_assets.sandbox.hook_file import Hook, load_hook
from dj_assets.sandbox.pools import Pool, Third, count, pyramid_sizes, value_count
from dj_assets.subset.measured_run import MeasuredRun

RANDOM = "random"
TOP = "top-"
PROBE, COMBINED = "probe", "combined"


@dataclass(frozen=True)
class ExperimentEntry:
    """A pool in a round: its size before drawing by rank and by value, its means, its content hash.

    `means` are those of every statistic over the drawn samples; None where no sample has a value.
    """

    pool: Pool
    rank_count: int
    value_count: int
    content: str
    means: Mapping[str, float | None]

    @property
    def samples(self) -> int:
        """Return the number of different samples that are drawn."""
        return self.rank_count if self.pool.size is None else min(self.rank_count, self.pool.size)


@dataclass(frozen=True)
class Round:
    """Pools to compare with each other: of one size, except for repetitions and amounts; one of them is random.

    `without` names the statistics or intersections without a pool, each with the reason. `sizes` are those of all
    intersections of the combined thirds, by pool name, whether samples are drawn from them or not.
    """

    name: str
    run_id: str
    size: int
    baseline: str
    entries: tuple[ExperimentEntry, ...]
    without: Mapping[str, str]
    sizes: Mapping[str, int]

    @property
    def data_version(self) -> str:
        """Return the hash of the content of its pools."""
        return digest([[entry.pool.name, entry.content] for entry in self.entries])

    def write(self, path: Path) -> None:
        """Write the round as JSON."""
        write_json(path, dataclasses.asdict(self))

    @classmethod
    def read(cls, path: Path) -> Round | None:
        """Read a round; return None where there is none."""
        content = read_json(path)
        if content is None:
            return None
        entries = tuple(
            ExperimentEntry(**{**entry, "pool": Pool.of_json(entry["pool"])}) for entry in content["entries"]
        )
        return cls(**{**content, "entries": entries})


class Sandbox:
    """A subset of the gallery with a `sandbox:` block, over its newest finished run."""

    def __init__(self, recipe: GalleryRecipe, block: SandboxBlock, hook: Hook, folder: Path) -> None:
        self.recipe = recipe
        self.block = block
        self.hook = hook
        self.folder = folder / "sandbox"
        self.plan: Plan = make_plan(recipe)
        self.run = MeasuredRun.open(folder, self.plan, settings.default_workers())
        self.probed: tuple[Probed, ...] = _probed(self.plan, block)

    @classmethod
    def of_asset(cls, recipe: GalleryRecipe) -> Sandbox:
        """Open the sandbox of a gallery recipe.

        Raises
        ------
        UserError
            If there is no `sandbox:` block, no finished run, a statistic that is not measured, or a fault in the hook.
        """
        block = recipe.asset.sandbox
        if block is None:
            raise UserError(f"{recipe.file}: asset: has no 'sandbox:' block; add one that names a hook file")
        plan = make_plan(recipe)
        for step in (*plan.expanders, *plan.groupers):
            raise UserError(
                f"{recipe.file}: process[{step.index}]: {step.label} makes samples from others, which the sandbox does "
                "not take; run it on the refined subset, with a recipe of its own"
            )
        require_local(recipe.asset.subset, "the sandbox")
        hook = load_hook(settings.project_file(block.hook))
        return cls(recipe, block, hook, settings.data_home() / recipe.asset.subset)

    @property
    def subset(self) -> str:
        """Return the name of the subset."""
        return self.recipe.asset.subset

    def probe(self) -> Round:
        """Cut every statistic into three pools of one size, add a random one, and store them as the first round."""
        with reading(self.run.layout.database) as connection:
            thirds, without = find_thirds(connection, self.probed, kept=self._kept)
        if not thirds:
            reasons = "; ".join(f"{name}: {why}" for name, why in without.items())
            raise UserError(f"{self.recipe.file}: no statistic has three parts ({reasons or 'none is numeric'})")
        pools = [self._pool(third.name, (third,)) for third in thirds]
        size = self._size([third.count for third in thirds])
        draft = Round(PROBE, self.run.manifest.run_id, size, RANDOM, (), without, {})
        return self._kept_round(draft, [self._pool(RANDOM), *pools])

    def combine(self, thirds: Sequence[Third]) -> Round:
        """Make a pool of every intersection of some thirds, all of one size, and store them as the second round.

        Where the recipe has amounts, there are also pools that repeat the samples in all thirds. For each of these
        there is a pool with the same number of samples, all different and in as many thirds as possible.
        """
        with reading(self.run.layout.database) as connection:
            pyramid = pyramid_sizes(connection, thirds, kept=self._kept)
        named = {TOP + "+".join(thirds[n].name for n in numbers): numbers for numbers in pyramid}
        sizes = {name: pyramid[numbers] for name, numbers in named.items()}
        few = {name: f"only {n} samples" for name, n in sizes.items() if n < self.block.smallest}
        pools = {name: self._pool(name, tuple(thirds[n] for n in named[name])) for name in named if name not in few}
        size = self._size([sizes[name] for name in pools])
        tip = TOP + "+".join(third.name for third in thirds)
        more = self._amounts(thirds, size) if tip in pools else []
        draft = Round(COMBINED, self.run.manifest.run_id, size, TOP + RANDOM, (), few, sizes)
        return self._kept_round(draft, [self._pool(draft.baseline), *pools.values(), *more])

    def rounds(self) -> list[Round]:
        """Return the rounds over the newest run, in order."""
        rounds = (Round.read(self.folder / f"{name}.json") for name in (PROBE, COMBINED))
        return [round_ for round_ in rounds if round_ is not None and round_.run_id == self.run.manifest.run_id]

    def entry(self, name: str) -> ExperimentEntry:
        """Return a pool of the rounds by its name.

        Raises
        ------
        UserError
            If there is no such pool.
        """
        entries = {entry.pool.name: entry for round_ in self.rounds() for entry in round_.entries}
        if name not in entries:
            near = nearest(name, sorted(entries))
            fix = f"did you mean {near!r}?" if near else "make the pools first ('dj-assets sandbox run')"
            raise UserError(f"{self.recipe.name}: has no pool {name!r}; {fix}")
        return entries[name]

    def correlations(self) -> dict[tuple[str, str], float | None]:
        """Return Pearson's r of every pair of statistics, None where one is constant."""
        with reading(self.run.layout.database) as connection:
            return between_statistics(connection, self.probed, kept=self._kept)

    @cached_property
    def _kept(self) -> bool:
        return self.block.of == "kept"

    def _pool(self, name: str, thirds: tuple[Third, ...] = (), **more: Any) -> Pool:  # noqa: ANN401 - fields of a pool
        return Pool(name, thirds, seed=self.block.seed, kept=self._kept, **more)

    def _size(self, counts: Iterable[int]) -> int:
        smallest = min(counts, default=0)
        return smallest if self.block.size is None else min(smallest, self.block.size)

    def _amounts(self, thirds: Sequence[Third], size: int) -> list[Pool]:
        made: list[Pool] = []
        for times in self.block.amounts:
            made.append(self._pool(f"{TOP}tip_x{times}", tuple(thirds), size=size, repeat=times))
            made.append(self._pool(f"{TOP}levels_x{times}", tuple(thirds), at_least=1, size=size * times))
        return made

    def _kept_round(self, draft: Round, pools: Sequence[Pool]) -> Round:
        """Draw the pools of a round, count them, and write the round."""
        drawn = [pool if pool.size is not None else pool.drawn(draft.size) for pool in pools]
        made = dataclasses.replace(draft, entries=tuple(self._entry(pool) for pool in drawn))
        made.write(self.folder / f"{made.name}.json")
        return made

    def _entry(self, pool: Pool) -> ExperimentEntry:
        whole = dataclasses.replace(pool, size=None)
        with reading(self.run.layout.database) as connection:
            return ExperimentEntry(
                pool=pool,
                rank_count=count(connection, whole),
                value_count=value_count(connection, whole),
                content=PoolContents.of(self.run, pool).content,
                means=means(connection, self.probed, pool),
            )


def _probed(plan: Plan, block: SandboxBlock) -> tuple[Probed, ...]:
    """Return the numeric statistics to probe, in recipe order."""
    columns: dict[str, Probed] = {}
    for step in plan.filters:
        for statistic in step.operator.statistics if isinstance(step.operator, Filter) else ():
            is_list = pa.types.is_list(statistic.type) or pa.types.is_large_list(statistic.type)
            kind = statistic.type.value_type if is_list else statistic.type
            if pa.types.is_integer(kind) or pa.types.is_floating(kind):
                columns[step.columns[statistic.key]] = Probed(step.columns[statistic.key], is_list)
    for name in block.statistics:
        if name not in columns:
            near = nearest(name, sorted(columns))
            fix = f"did you mean {near!r}?" if near else f"there are {', '.join(columns) or 'none'}"
            raise UserError(f"{plan.recipe.file}: asset.sandbox.statistics: {name!r} is no numeric statistic; {fix}")
    return tuple(columns[name] for name in block.statistics or columns)
