"""The plan of a run for the terminal, without running it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dj_assets import settings
from dj_assets.home.disk import TEXT_SHARE, expected_bytes, free_bytes, statistics_bytes, text_bytes
from dj_assets.models.store import ModelFile
from dj_assets.operators.base import (
    Aggregator,
    CorpusMapper,
    Deduplicator,
    Expander,
    FieldMapper,
    Filter,
    Grouper,
    Operator,
    Selector,
)
from dj_assets.recipe.model import GalleryRecipe
from dj_assets.recipe.plan import Plan, Step
from dj_assets.sources.sources import SourceFile

if TYPE_CHECKING:
    from rich.console import Group, RenderableType


def render_plan(
    plan: Plan, models: Sequence[ModelFile], files: Sequence[SourceFile], calls: Sequence[RenderableType] = ()
) -> Group:
    """Return the steps, the models and the bytes of a plan for rich, then the expected `calls` of models."""
    from rich.console import Group
    from rich.table import Table

    steps = Table(title=plan.recipe.name, title_justify="left", box=None, header_style="bold")
    for column in ("", "operator", "does", "statistics", "parameters"):
        steps.add_column(column)
    for step in plan.steps:
        parameters = ", ".join(f"{key}={value}" for key, value in step.operator.parameters().items())
        steps.add_row(str(step.index), step.label, _does(step), ", ".join(step.columns.values()), parameters)
    about = [f"model {m.name}: {m.path}{f' ({m.note})' if m.note else ''}" for m in models]
    about += [f"stats hash {plan.stats_hash} (no thresholds), refined hash {plan.refined_hash}", *_bytes(plan, files)]
    return Group(steps, "", *about, *calls)


_DOES: dict[type[Operator], str] = {
    Deduplicator: "computes signatures, then clusters",
    Selector: "selects among all samples that are left",
    Expander: "makes several samples from each",
    Grouper: "forms groups of all samples that are left",
    Aggregator: "makes one sample of each group",
}


def _does(step: Step) -> str:
    if isinstance(step.operator, Filter):
        return "measures, then judges"
    if isinstance(step.operator, CorpusMapper):
        return "counts in an earlier pass, then rewrites text"
    if isinstance(step.operator, FieldMapper):
        return f"writes the field{'s' * (len(step.operator.fields) > 1)} {', '.join(step.operator.fields)}"
    return next((does for kind, does in _DOES.items() if isinstance(step.operator, kind)), "rewrites text")


def _bytes(plan: Plan, files: Sequence[SourceFile]) -> list[str]:
    if not files:
        return []
    size, text, stats = sum(file.size for file in files), text_bytes(files), statistics_bytes(plan, files)
    free = free_bytes(_folder(plan))
    number = f"{len(files):,} file{'s' * (len(files) != 1)}"
    return [
        f"{number}, {size / 1e6:,.1f} MB as stored, about {text / 1e6:,.0f} MB of text",
        f"about {text * TEXT_SHARE / 1e6:,.0f} MB of cleaned text and {stats / 1e6:,.1f} MB of statistics on disk",
        f"about {expected_bytes(plan, files) / 1e6:,.0f} MB of disk in all, {free / 1e6:,.0f} MB are free",
    ]


def _folder(plan: Plan) -> Path:
    """Return the data home for an asset; another recipe has no known folder yet, so return the current one."""
    in_home = isinstance(plan.recipe, GalleryRecipe) and settings.has_data_home()
    return settings.data_home() if in_home else Path.cwd()
