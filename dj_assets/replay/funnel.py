"""The funnel: samples in and out of every operator, in recipe order, and the balance that must add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dj_assets.errors import ConservationError
from dj_assets.home.manifest import FileManifest
from dj_assets.home.run_manifest import FunnelStep
from dj_assets.operators.base import Expander, Grouper
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
    created: int = 0
    expanded: int = 0
    grouped: int = 0

    @property
    def retention(self) -> float:
        """Return the share of the samples that is kept; 0 if there are no samples.

        Samples that others were made from are not counted, but those that were made are.
        """
        samples = self.samples_in + self.created - self.expanded - self.grouped
        return self.kept / samples if samples else 0.0


def make_funnel(
    plan: Plan, file_counts: Sequence[FileCounts], balance: Balance, seconds: Mapping[str, float]
) -> tuple[FunnelStep, ...]:
    """Count the samples in and out of every operator; the first one takes all samples that loading left."""
    steps = len(plan.steps)
    quarantined = _by_step(steps, (counts.quarantined for counts in file_counts))
    ended = _by_step(steps, (counts.ended for counts in file_counts))
    against = _by_step(steps, (counts.against for counts in file_counts))
    created = _by_step(steps, (counts.created for counts in file_counts if counts.created))
    alive = balance.samples_in - balance.dropped_by_load - balance.quarantined_by_load
    funnel = []
    for step in plan.steps:
        left, made = ended[step.index], created[step.index]
        replaced = left - quarantined[step.index]
        expanded = replaced if isinstance(step.operator, Expander) else 0
        grouped = replaced if isinstance(step.operator, Grouper) else 0
        funnel.append(
            FunnelStep(
                operator=step.label,
                params=step.operator.parameters(),
                samples_in=alive,
                samples_out=alive - left + made,
                dropped=replaced - expanded - grouped,
                quarantined=quarantined[step.index],
                seconds=round(seconds.get(step.label, 0.0), 3),
                dropped_against=against[step.index],
                conditional=step.index in plan.conditional,
                created=made,
                expanded=expanded,
                grouped=grouped,
            )
        )
        alive += made - left
    return tuple(funnel)


def _by_step(steps: int, counted: Iterable[Sequence[int]]) -> list[int]:
    total = [0] * steps
    for counts in counted:
        total = [sum_ + count for sum_, count in zip(total, counts, strict=True)]
    return total


def balance(plan: Plan, manifests: Sequence[FileManifest], file_counts: Sequence[FileCounts]) -> Balance:
    """Return the balance of all files, by file and in total.

    In + created = kept + dropped + quarantined + expanded + grouped.

    Raises
    ------
    ConservationError
        If a file does not add up; the message names it. Nothing is published then.
    """
    total: Counter[str] = Counter()
    for file, counts in zip(manifests, file_counts, strict=True):
        expanded, grouped = counts.expanded(plan), counts.grouped(plan)
        quarantined = sum(counts.quarantined)
        ended = {
            "kept": counts.kept,
            "dropped": sum(counts.ended) - quarantined - expanded - grouped + file.dropped,
            "quarantined": quarantined + file.quarantined,
            "expanded": expanded,
            "grouped": grouped,
        }
        if sum(ended.values()) != file.records + sum(counts.created):
            made = f" + {sum(counts.created)} created" if plan.makes_samples else ""
            always = ("kept", "dropped", "quarantined")
            listed = " + ".join(f"{number} {name}" for name, number in ended.items() if number or name in always)
            raise ConservationError(
                f"{file.path}: {file.records} samples in{made}, but {listed} = {sum(ended.values())}; "
                "nothing was published"
            )
        total.update(ended)
    return Balance(
        samples_in=sum(file.records for file in manifests),
        kept=total["kept"],
        dropped=total["dropped"],
        quarantined=total["quarantined"],
        dropped_by_load=sum(file.dropped for file in manifests),
        quarantined_by_load=sum(file.quarantined for file in manifests),
        created=sum(sum(counts.created) for counts in file_counts),
        expanded=total["expanded"],
        grouped=total["grouped"],
    )
