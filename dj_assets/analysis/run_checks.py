"""The checks of every published run; they count rows in its files instead of trusting the manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq

from dj_assets.analysis.drift import Drift, drifts
from dj_assets.analysis.labels import short_name
from dj_assets.home.home import home_layout
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run
from dj_assets.home.run_manifest import RunManifest
from dj_assets.publish.database import count, ended_tables, reading
from dj_assets.recipe.gallery import refined_sources
from dj_assets.recipe.model import GalleryRecipe, Recipe, Reference, Tolerance
from dj_assets.recipe.plan import Plan
from dj_assets.urls import url_of

# The published figures say nothing about fewer samples than this share of the reference.
COMPARABLE_SHARE = 0.01


@dataclass(frozen=True)
class CheckInput:
    """A published run that is checked: its manifest, the rows counted in its files, and figures to compare with.

    `judging` are the operators that can drop a sample. `previous` is the retention of the run before, None for a first
    run, and `drifts` are the drifts of the statistics since then, None where there is nothing to compare with.
    `raw_samples_in` counts the raw samples of the subsets that this one is made of: the gallery counts from there.
    """

    manifest: RunManifest
    rows: Mapping[str, int]
    judging: frozenset[str]
    previous: float | None
    reference: Reference | None
    tolerance: Tolerance
    raw_samples_in: int | None = None
    drifts: Sequence[Drift] | None = None

    @property
    def samples_in(self) -> int:
        """Return the number of samples in the source."""
        return self.manifest.samples_in

    @property
    def retention(self) -> float:
        """Return the share of the samples that is kept."""
        return self.manifest.retention


@dataclass(frozen=True)
class CheckResult:
    """The result of a check: whether it passed, a sentence that says why, and the figures, where there are several."""

    passed: bool
    because: str
    table: Sequence[Mapping[str, str | int | float]] = ()


@dataclass(frozen=True)
class Check:
    """One question about a run, the severity where the answer is no, and the function that answers it."""

    name: str
    severity: Literal["ERROR", "WARN"]
    question: str
    judge: Callable[[CheckInput], CheckResult]


def check_input_of(
    plan: Plan,
    layout: Layout,
    manifest: RunManifest,
    earlier: RunManifest | None,
    previous: float | None = None,
) -> CheckInput:
    """Collect the input of the checks of one run.

    Parameters
    ----------
    layout
        Its `published` is the folder with the database and the refined files of the run.
    manifest, earlier
        The manifest of the run, and that of the run before; None for a first run.
    previous
        The retention to compare with, where it is not that of the run before.
    """
    moved = drifts(earlier.statistics, layout.database, plan) if earlier and earlier.statistics else None
    return CheckInput(
        manifest=manifest,
        rows=published_rows(layout, manifest),
        judging=judging_operators(plan),
        previous=earlier.retention if previous is None and earlier else previous,
        reference=plan.recipe.reference,
        tolerance=plan.recipe.tolerance,
        raw_samples_in=_raw_samples_in(plan.recipe),
        drifts=moved,
    )


def _raw_samples_in(recipe: Recipe) -> int | None:
    """Return the raw samples of the subsets that this one is made of; None for a subset of raw files."""
    named = refined_sources(recipe) if isinstance(recipe, GalleryRecipe) else ()
    upstream = [newest_run(home_layout(name)) for name in named]
    return sum(run.samples_in for run in upstream if run) if upstream else None


def published_rows(layout: Layout, manifest: RunManifest) -> dict[str, int]:
    """Count the rows of the refined files and of the tables of the other samples."""
    refined = sum(_rows(layout.refined / part.name, part.samples) for part in manifest.refined)
    with reading(layout.database) as connection:
        counted = {name: count(connection, name) for name in ended_tables(connection)}
    counted["quarantined"] = counted.pop("quarantine")
    return {"kept": refined, **counted}


def _rows(path: Path, recorded: int) -> int:
    """Count the rows of a refined file; `recorded` counts for a file that another machine wrote to an object store."""
    if not path.exists() and url_of(path) is not None:
        return recorded
    if path.suffix == ".parquet":
        return int(pq.read_metadata(path).num_rows)
    with path.open("rb") as lines:
        return sum(1 for _ in lines)


def judging_operators(plan: Plan) -> frozenset[str]:
    """Return the labels of the operators that can drop a sample."""
    return frozenset(step.label for step in plan.steps if step.drops)


def conservation(run: CheckInput) -> CheckResult:
    """Check that in + created = kept + dropped + quarantined + expanded + grouped, counted in the published files."""
    total = sum(run.rows.values())
    parts = " + ".join(f"{count:,} {name}" for name, count in run.rows.items())
    made = run.manifest.created
    passed = total == run.samples_in + made
    given = f"{run.samples_in:,} samples in" + (f" + {made:,} created" if made else "")
    return CheckResult(passed, f"{given}, {parts}" + ("" if passed else f" = {total:,}"))


def not_empty(run: CheckInput) -> CheckResult:
    """Check that the run read samples and kept samples."""
    out = run.manifest.samples_out
    return CheckResult(run.samples_in > 0 and out > 0, f"{run.samples_in:,} samples in, {out:,} out")


def retention_vs_last_run(run: CheckInput) -> CheckResult:
    """Check that the retention is within the tolerance of the last run's."""
    if run.previous is None:
        return CheckResult(passed=True, because="nothing to compare with: this is the first run")
    return _near(run, run.retention, run.previous, "the last run")


def retention_vs_reference(run: CheckInput) -> CheckResult:
    """Check that the retention is within the tolerance of the published one, where enough of the data was read."""
    reference = run.reference
    if reference is None:
        return CheckResult(passed=True, because="nothing to compare with: the gallery published no figures")
    samples_in = run.samples_in if run.raw_samples_in is None else run.raw_samples_in
    if samples_in < COMPARABLE_SHARE * reference.rows_in:
        return CheckResult(
            passed=True,
            because=f"not compared: {samples_in:,} samples are less than {COMPARABLE_SHARE:.0%} of "
            f"the {reference.rows_in:,} of the reference",
        )
    retention = run.manifest.samples_out / max(1, samples_in)
    return _near(run, retention, reference.published_retention, "the reference")


def every_operator_works(run: CheckInput) -> CheckResult:
    """Check that every operator that can drop samples dropped some, where there were enough samples."""
    steps = [step for step in run.manifest.funnel if step.operator in run.judging]
    idle = [short_name(step.operator) for step in steps if step.samples_in == step.samples_out]
    enough = run.samples_in >= run.tolerance.idle_samples
    few = "" if enough else f" (no warning below {run.tolerance.idle_samples:,} samples)"
    because = f"dropped nothing: {', '.join(idle)}{few}" if idle else "every operator dropped samples"
    return CheckResult(not idle or not enough, because)


def quarantine_within_budget(run: CheckInput) -> CheckResult:
    """Check that the number of quarantined samples is within the budget."""
    quarantined = run.manifest.quarantined
    tolerance = run.tolerance
    budget = max(tolerance.quarantine_samples, int(tolerance.quarantine_share * run.samples_in))
    return CheckResult(quarantined <= budget, f"{quarantined:,} quarantined, the budget is {budget:,}")


def statistics_are_stable(run: CheckInput) -> CheckResult:
    """Check that no statistic drifted since the run before by more than the tolerance and more than chance explains."""
    drifts = run.drifts
    if drifts is None:
        return CheckResult(passed=True, because="nothing to compare with: no earlier run kept its distributions")
    allowed = run.tolerance.drift
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
    return CheckResult(not moved, f"{because}{greatest} (tolerance {allowed:g})", table)


def _near(run: CheckInput, retention: float, other: float, whose: str) -> CheckResult:
    difference = retention - other
    return CheckResult(
        abs(difference) <= run.tolerance.retention,
        f"{retention:.2%} kept, {whose} {other:.2%}: {100 * difference:+.2f} points "
        f"(tolerance {100 * run.tolerance.retention:g})",
    )


CHECKS = (
    Check("conservation", "ERROR", "Do the published files hold every sample exactly once?", conservation),
    Check("not_empty", "ERROR", "Did the run read samples and keep samples?", not_empty),
    Check("quarantine", "ERROR", "Could nearly every sample be processed?", quarantine_within_budget),
    Check("retention_vs_last_run", "WARN", "Is the retention near the last run's?", retention_vs_last_run),
    Check("retention_vs_reference", "WARN", "Is the retention near the gallery's?", retention_vs_reference),
    Check("every_operator_works", "WARN", "Did every filter and deduplicator drop something?", every_operator_works),
    Check("statistics_are_stable", "WARN", "Are the statistics distributed as in the last run?", statistics_are_stable),
)
