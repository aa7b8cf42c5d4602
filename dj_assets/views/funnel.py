"""The funnel as a table, and the retention with the published figures of the gallery."""

from __future__ import annotations

from collections.abc import Sequence

from dj_assets.analysis.figures import percent, rate
from dj_assets.home.run_manifest import FunnelStep, RunManifest
from dj_assets.recipe.model import Recipe

# Rates are published with two decimals of a per cent: a greater difference than this is not rounding.
_ROUNDING = 0.0001


def funnel_rows(steps: Sequence[FunnelStep], samples_in: int | None = None) -> list[dict[str, str | int | float]]:
    """Return the funnel as rows of operator, in, out and kept ("98.6 %", or "12 created").

    `samples_in` counts the records of the source. Where it is given and loading lost some (null texts, broken
    records), a row "load" comes first. A step without samples in has an en dash. "(cascade)" marks an operator that
    measured only the samples that earlier operators kept.
    """
    taken = steps[0].samples_in if steps else samples_in
    labels = [step.operator + (" (cascade)" if step.conditional else "") for step in steps]
    counts = [
        (label, step.samples_in, step.samples_out, step.created) for label, step in zip(labels, steps, strict=True)
    ]
    if samples_in is not None and taken is not None and taken < samples_in:
        counts.insert(0, ("load", samples_in, taken, 0))
    return [
        {
            "operator": operator,
            "in": before,
            "out": after,
            "kept": f"{created:,} created" if created else percent(after, before),
        }
        for operator, before, after, created in counts
    ]


def reference_line(recipe: Recipe, manifest: RunManifest) -> str:
    """Return "94.42 % published (344,491,171 of 364,868,892); here 93.10 %".

    Two published rates differ from their own counts; then the line has both. Without a published rate it says so.
    """
    here = f"here {rate(manifest.retention)}"
    reference = recipe.reference
    if reference is None:
        return f"nothing published; {here} ({manifest.samples_out:,} of {manifest.samples_in:,})"
    counts = f"{reference.rows_out:,} of {reference.rows_in:,}"
    published = f"{rate(reference.published_retention)} published"
    if abs(reference.published_retention - reference.computed_retention) > _ROUNDING:
        return f"{published}, but its counts give {rate(reference.computed_retention)} ({counts}); {here}"
    return f"{published} ({counts}); {here}"
