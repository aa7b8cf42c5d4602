"""The funnel: samples in and out of every operator, in recipe order, and the balance that must hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dj_assets.engine.replay import Outcome, Population
from dj_assets.errors import ConservationError
from dj_assets.recipe.plan import Plan
from dj_assets.storage.manifest import ShardManifest


@dataclass(frozen=True)
class FunnelStep:
    """What one operator did. `seconds` are of measuring, summed over workers.

    `dropped_against` counts those of the dropped that are duplicates of a sample of the reference set. `conditional`
    says that its statistics are known only of samples that the filters before it keep.
    """

    operator: str
    params: dict[str, Any]
    samples_in: int
    samples_out: int
    dropped: int
    quarantined: int
    seconds: float
    dropped_against: int = 0
    conditional: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the entry of `funnel.json`."""
        content = asdict(self)
        if not self.conditional:
            del content["conditional"]
        return {
            "operator": content.pop("operator"),
            "params": content.pop("params"),
            "in": content.pop("samples_in"),
            "out": content.pop("samples_out"),
            **content,
        }

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> FunnelStep:
        """Read an entry of `funnel.json` back."""
        rest = {name: value for name, value in content.items() if name not in {"in", "out"}}
        return cls(samples_in=content["in"], samples_out=content["out"], **rest)


@dataclass(frozen=True)
class Balance:
    """Where all samples of a subset went. Adds up by construction of `balance`."""

    samples_in: int
    kept: int
    dropped: int
    quarantined: int
    dropped_by_load: int
    quarantined_by_load: int

    @property
    def retention(self) -> float:
        """Share of the samples that is kept; 0 where there are none."""
        return self.kept / self.samples_in if self.samples_in else 0.0


def make_funnel(plan: Plan, outcome: Outcome, balance: Balance, seconds: Mapping[str, float]) -> tuple[FunnelStep, ...]:
    """Count what every operator took in and let out; the first one takes what loading left."""
    steps = len(plan.steps)
    quarantined = np.bincount(outcome.fate[outcome.quarantined], minlength=steps)
    ended = np.bincount(outcome.fate[~outcome.kept], minlength=steps)
    against = np.bincount(outcome.fate[outcome.against >= 0], minlength=steps)
    alive = balance.samples_in - balance.dropped_by_load - balance.quarantined_by_load
    funnel = []
    for step in plan.steps:
        left = int(ended[step.index])
        funnel.append(
            FunnelStep(
                operator=step.label,
                params=step.operator.parameters(),
                samples_in=alive,
                samples_out=alive - left,
                dropped=left - int(quarantined[step.index]),
                quarantined=int(quarantined[step.index]),
                seconds=round(seconds.get(step.label, 0.0), 3),
                dropped_against=int(against[step.index]),
                conditional=step.index in plan.conditional,
            )
        )
        alive -= left
    return tuple(funnel)


def balance(shards: Sequence[ShardManifest], population: Population, outcome: Outcome) -> Balance:
    """Add up every shard and the whole: samples in = kept + dropped + quarantined.

    Raises
    ------
    ConservationError
        Naming the shard that does not add up. Nothing is published then.
    """
    size = max((shard.shard for shard in shards), default=-1) + 1
    fates = {
        "kept": np.bincount(population.shard[outcome.kept], minlength=size),
        "quarantined": np.bincount(population.shard[outcome.quarantined], minlength=size),
        "dropped": np.bincount(population.shard[~outcome.kept & ~outcome.quarantined], minlength=size),
    }
    for shard in shards:
        kept, quarantined, dropped = (int(fates[name][shard.shard]) for name in ("kept", "quarantined", "dropped"))
        accounted = kept + dropped + quarantined + shard.dropped + shard.quarantined
        if accounted != shard.records:
            raise ConservationError(
                f"{shard.path}: {shard.records} samples in, but {kept} kept + {dropped + shard.dropped} dropped + "
                f"{quarantined + shard.quarantined} quarantined = {accounted}; nothing was published"
            )
    loaded_dropped = sum(shard.dropped for shard in shards)
    loaded_quarantined = sum(shard.quarantined for shard in shards)
    return Balance(
        samples_in=sum(shard.records for shard in shards),
        kept=int(fates["kept"].sum()),
        dropped=int(fates["dropped"].sum()) + loaded_dropped,
        quarantined=int(fates["quarantined"].sum()) + loaded_quarantined,
        dropped_by_load=loaded_dropped,
        quarantined_by_load=loaded_quarantined,
    )
