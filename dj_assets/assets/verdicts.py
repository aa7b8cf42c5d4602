"""What is asked of every run of a subset, answered from what lies in its folder and not from what the run claimed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow.parquet as pq

from dj_assets.assets.labels import short_name
from dj_assets.operators.base import Mapper
from dj_assets.recipe.model import Reference, Tolerance
from dj_assets.recipe.plan import Plan
from dj_assets.report.drift import Drift
from dj_assets.storage.database import reading
from dj_assets.storage.layout import Layout

# A reference says nothing about a sample of the data smaller than this share of it.
COMPARABLE_SHARE = 0.01


@dataclass(frozen=True)
class Evidence:
    """A published run: its manifest, the rows that really lie in its files, and what to compare with.

    `judging` are the operators that can drop a sample; `previous` is the retention of the run before, where there was
    one, and `drifts` says how far each statistic moved since, None where there is nothing to compare with.
    `raw_samples_in` are those of the subsets that this one is made of: the gallery counts from there.
    """

    manifest: Mapping[str, Any]
    rows: Mapping[str, int]
    judging: frozenset[str]
    previous: float | None
    reference: Reference | None
    tolerance: Tolerance
    raw_samples_in: int | None = None
    drifts: Sequence[Drift] | None = None

    @property
    def samples_in(self) -> int:
        """Samples that the source holds."""
        return int(self.manifest["samples_in"])

    @property
    def retention(self) -> float:
        """Share of the samples that is kept."""
        return float(self.manifest["retention"])


@dataclass(frozen=True)
class Verdict:
    """Whether a check passed, the sentence that says why, and the figures behind it, where there are several."""

    passed: bool
    because: str
    table: Sequence[Mapping[str, str | int | float]] = ()


@dataclass(frozen=True)
class Check:
    """One question, how bad a no is, and how it is answered."""

    name: str
    severity: Literal["ERROR", "WARN"]
    question: str
    judge: Callable[[Evidence], Verdict]


def published_rows(layout: Layout, manifest: Mapping[str, Any]) -> dict[str, int]:
    """Count the rows that lie in the refined shards and in the tables `dropped` and `quarantine`."""
    refined = sum(pq.read_metadata(layout.refined / part["name"]).num_rows for part in manifest["refined"])
    with reading(layout.database) as connection:
        found = connection.execute(
            "SELECT (SELECT count(*) FROM dropped), (SELECT count(*) FROM quarantine)"
        ).fetchone()
    dropped, quarantined = found or (0, 0)
    return {"kept": refined, "dropped": dropped, "quarantined": quarantined}


def judging_operators(plan: Plan) -> frozenset[str]:
    """Return the labels of the operators that can drop a sample."""
    return frozenset(step.label for step in plan.steps if not isinstance(step.operator, Mapper))


def conservation(evidence: Evidence) -> Verdict:
    """Samples in are kept + dropped + quarantined, counted in the published files."""
    total = sum(evidence.rows.values())
    parts = " + ".join(f"{count:,} {name}" for name, count in evidence.rows.items())
    passed = total == evidence.samples_in
    return Verdict(passed, f"{evidence.samples_in:,} samples in, {parts}" + ("" if passed else f" = {total:,}"))


def not_empty(evidence: Evidence) -> Verdict:
    """Samples went in and samples came out."""
    out = int(evidence.manifest["samples_out"])
    return Verdict(evidence.samples_in > 0 and out > 0, f"{evidence.samples_in:,} samples in, {out:,} out")


def retention_vs_last_run(evidence: Evidence) -> Verdict:
    """The retention lies within the tolerance of the last run's."""
    if evidence.previous is None:
        return Verdict(passed=True, because="nothing to compare with: this is the first run")
    return _near(evidence, evidence.retention, evidence.previous, "the last run")


def retention_vs_reference(evidence: Evidence) -> Verdict:
    """The retention lies within the tolerance of the published one, where enough of the data was read."""
    reference = evidence.reference
    if reference is None:
        return Verdict(passed=True, because="nothing to compare with: the gallery published no figures")
    samples_in = evidence.samples_in if evidence.raw_samples_in is None else evidence.raw_samples_in
    if samples_in < COMPARABLE_SHARE * reference.rows_in:
        return Verdict(
            passed=True,
            because=f"not compared: {samples_in:,} samples are less than {COMPARABLE_SHARE:.0%} of "
            f"the {reference.rows_in:,} of the reference",
        )
    retention = int(evidence.manifest["samples_out"]) / max(1, samples_in)
    return _near(evidence, retention, reference.published_retention, "the reference")


def every_operator_works(evidence: Evidence) -> Verdict:
    """No operator that can drop let everything through, where there were samples enough to find something."""
    steps = [step for step in evidence.manifest["funnel"] if step["operator"] in evidence.judging]
    idle = [short_name(step["operator"]) for step in steps if step["in"] == step["out"]]
    enough = evidence.samples_in >= evidence.tolerance.idle_samples
    few = "" if enough else f" (no warning below {evidence.tolerance.idle_samples:,} samples)"
    because = f"touched nothing: {', '.join(idle)}{few}" if idle else "every one dropped something"
    return Verdict(not idle or not enough, because)


def quarantine_within_budget(evidence: Evidence) -> Verdict:
    """No more samples could not be processed than the budget allows."""
    quarantined = int(evidence.manifest["quarantined"])
    tolerance = evidence.tolerance
    budget = max(tolerance.quarantine_samples, int(tolerance.quarantine_share * evidence.samples_in))
    return Verdict(quarantined <= budget, f"{quarantined:,} quarantined, the budget is {budget:,}")


def statistics_are_stable(evidence: Evidence) -> Verdict:
    """No statistic is distributed otherwise than in the run before, by more than tolerated and more than by chance."""
    drifts = evidence.drifts
    if drifts is None:
        return Verdict(passed=True, because="nothing to compare with: no earlier run kept its distributions")
    allowed = evidence.tolerance.drift
    moved = [drift.statistic for drift in drifts if drift.index > max(allowed, drift.chance)]
    greatest = f"; the greatest index is {drifts[0].index:.3f}, of {drifts[0].statistic}" if drifts else ""
    because = f"moved: {', '.join(moved)}" if moved else f"all {len(drifts)} statistics are distributed as before"
    table: list[Mapping[str, str | int | float]] = [
        {
            "statistic": drift.statistic,
            "stability index": round(drift.index, 4),
            "by chance up to": round(drift.chance, 4),
            "values": drift.now,
        }
        for drift in drifts
    ]
    return Verdict(not moved, f"{because}{greatest} (tolerance {allowed:g})", table)


def _near(evidence: Evidence, retention: float, other: float, whose: str) -> Verdict:
    difference = retention - other
    return Verdict(
        abs(difference) <= evidence.tolerance.retention,
        f"{retention:.2%} kept, {whose} {other:.2%}: {100 * difference:+.2f} points "
        f"(tolerance {100 * evidence.tolerance.retention:g})",
    )


CHECKS = (
    Check("conservation", "ERROR", "Do the published files hold every sample, once?", conservation),
    Check("not_empty", "ERROR", "Did samples go in and come out?", not_empty),
    Check("quarantine", "ERROR", "Could nearly every sample be processed?", quarantine_within_budget),
    Check("retention_vs_last_run", "WARN", "Is the retention near the last run's?", retention_vs_last_run),
    Check("retention_vs_reference", "WARN", "Is the retention near the gallery's?", retention_vs_reference),
    Check("every_operator_works", "WARN", "Did every filter and deduplicator drop something?", every_operator_works),
    Check("statistics_are_stable", "WARN", "Are the statistics distributed as in the last run?", statistics_are_stable),
)
