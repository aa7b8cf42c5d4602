"""The funnel: samples in and out of every operator, in recipe order, and the balance that must add up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dj_assets.errors import ConservationError
from dj_assets.home.manifest import FileManifest
from dj_assets.home.run_manifest import FunnelStep
from dj_assets.recipe.plan import Plan
from dj_assets.replay.result import FileCounts


@dataclass(frozen=True)
class Balance:
    """Hold the numbers of samples of a subset by outcome; `balance` checks that they add up."""

    samples_in: int
    kept: int
    dropped: int
    quarantined: int
    dropped_by_load: int
    quarantined_by_load: int

    @property
    def retention(self) -> float:
        """Return the share of the samples that is kept; 0 if there are no samples."""
        return self.kept / self.samples_in if self.samples_in else 0.0


def make_funnel(
    plan: Plan, file_counts: Sequence[FileCounts], balance: Balance, seconds: Mapping[str, float]
) -> tuple[FunnelStep, ...]:
    """Count the samples in and out of every operator; the first one takes all samples that loading left."""
    steps = len(plan.steps)
    quarantined = _by_step(steps, (counts.quarantined for counts in file_counts))
    ended = _by_step(steps, (counts.ended for counts in file_counts))
    against = _by_step(steps, (counts.against for counts in file_counts))
    alive = balance.samples_in - balance.dropped_by_load - balance.quarantined_by_load
    funnel = []
    for step in plan.steps:
        left = ended[step.index]
        funnel.append(
            FunnelStep(
                operator=step.label,
                params=step.operator.parameters(),
                samples_in=alive,
                samples_out=alive - left,
                dropped=left - quarantined[step.index],
                quarantined=quarantined[step.index],
                seconds=round(seconds.get(step.label, 0.0), 3),
                dropped_against=against[step.index],
                conditional=step.index in plan.conditional,
            )
        )
        alive -= left
    return tuple(funnel)


def _by_step(steps: int, counted: Iterable[Sequence[int]]) -> list[int]:
    total = [0] * steps
    for counts in counted:
        total = [sum_ + count for sum_, count in zip(total, counts, strict=True)]
    return total


def balance(manifests: Sequence[FileManifest], file_counts: Sequence[FileCounts]) -> Balance:
    """Return the balance of all files: samples in = kept + dropped + quarantined, for each file and in total.

    Raises
    ------
    ConservationError
        If a file does not add up; the message names it. Nothing is published then.
    """
    all_kept = all_quarantined = all_dropped = 0
    for file, counts in zip(manifests, file_counts, strict=True):
        kept, quarantined = counts.kept, sum(counts.quarantined)
        dropped = sum(counts.ended) - quarantined
        accounted = kept + dropped + quarantined + file.dropped + file.quarantined
        if accounted != file.records:
            raise ConservationError(
                f"{file.path}: {file.records} samples in, but {kept} kept + {dropped + file.dropped} dropped + "
                f"{quarantined + file.quarantined} quarantined = {accounted}; nothing was published"
            )
        all_kept, all_quarantined, all_dropped = all_kept + kept, all_quarantined + quarantined, all_dropped + dropped
    loaded_dropped = sum(file.dropped for file in manifests)
    loaded_quarantined = sum(file.quarantined for file in manifests)
    return Balance(
        samples_in=sum(file.records for file in manifests),
        kept=all_kept,
        dropped=all_dropped + loaded_dropped,
        quarantined=all_quarantined + loaded_quarantined,
        dropped_by_load=loaded_dropped,
        quarantined_by_load=loaded_quarantined,
    )
