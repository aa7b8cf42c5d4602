"""A tuning proposal for the terminal, drawn with rich."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dj_assets.analysis.figures import percent
from dj_assets.analysis.tune import TunedBound, Tuning

if TYPE_CHECKING:
    from rich.console import Group

_COLUMNS = ("value\nnow", "\nthen", "percentile\nnow", "\nthen", "drops\nnow", "\nthen")


def render_tuning(tuning: Tuning) -> Group:
    """Return the bounds of every operator, and the retention with the old and with the new ones."""
    from rich.console import Group
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, title_justify="left")
    table.title = f"{tuning.recipe.name}: {tuning.rule} over {tuning.samples_in:,} samples"
    table.add_column("operator, bound", overflow="fold")
    for column in _COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    shown = ""
    for bound in tuning.bounds:
        if bound.operator != shown:
            table.add_row(bound.operator)
        table.add_row(*_cells(bound))
        shown = bound.operator
    notes = [f"{bound.operator} {bound.parameter}: {bound.note}" for bound in tuning.bounds if bound.note]
    return Group(table, "", *_retention(tuning), *notes, *(f"left out: {reason}" for reason in tuning.left_out))


def _cells(bound: TunedBound) -> list[str]:
    now, then = bound.now, bound.then
    return [
        f"  {bound.parameter}",
        _value(bound.current),
        _value(bound.proposed),
        f"{now.percentile:.1f}",
        f"{then.percentile:.1f}",
        percent(now.drops, 1),
        percent(then.drops, 1),
    ]


def _retention(tuning: Tuning) -> list[str]:
    now, then = tuning.now, tuning.then
    rows = (
        ("filters alone", (now.by_filters, now.of_filters), (then.by_filters, then.of_filters)),
        ("whole recipe", (now.by_recipe, now.of_recipe), (then.by_recipe, then.of_recipe)),
    )
    return [
        f"retention, {name}: {percent(*before, 2)} now ({before[0]:,}), {percent(*after, 2)} then ({after[0]:,})"
        for name, before, after in rows
    ]


def _value(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) or value >= 10_000 else f"{value:g}"
