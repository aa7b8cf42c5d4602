"""Links between duplicates, beyond equal signatures: found once for all samples, and valid for all thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from dj_assets.home.layout import Layout
from dj_assets.operators.base import Deduplicator
from dj_assets.recipe.plan import Plan, Step
from dj_assets.replay.clusters import Links, NearPairs
from dj_assets.replay.near_pairs import find_near_pairs
from dj_assets.replay.shared_keys import find_shared_keys


def find_links(
    layout: Layout, plan: Plan, signature_files: Sequence[Path], versions: Sequence[str], threads: int = 1
) -> Mapping[str, Links]:
    """Return the links of every deduplicator of a plan, keyed by the name of its signature.

    `versions` identify the measured files, given in file order: those of the source, then those with the aggregates of
    each grouper (`measure.measured_source.versions_of`).
    """
    return {
        step.signature: _links(layout, step, signature_files, (versions[-1], versions[plan.stage_of(step)]), threads)
        for step in plan.deduplicators
    }


def _links(layout: Layout, step: Step, files: Sequence[Path], versions: tuple[str, str], threads: int) -> Links:
    measured, own = versions
    operator = step.operator
    if not isinstance(operator, Deduplicator):
        raise TypeError(f"{step.label} does not sign samples")
    if pa.types.is_list(operator.signature_type):
        return find_shared_keys(layout, step, files, measured)
    if not operator.may_be_near:
        return NearPairs.none()
    # aggregates have no signature of a step before them
    return find_near_pairs(layout, step, operator, files, own, threads=threads)
