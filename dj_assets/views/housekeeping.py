"""The disk usage of the subsets for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dj_assets.subset.pruning import Housekeeping

if TYPE_CHECKING:
    from rich.console import Group

_KINDS_SHOWN = 4
_LISTED = 20
# Sizes that are rounded to 0.0 MB are not shown.
_SHOWN = 50_000


def render_housekeeping(subsets: Sequence[Housekeeping]) -> Group:
    """Return a table of the subsets, and every file that can be deleted."""
    from rich.console import Group
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("subset", "MB", "can be deleted, MB", "largest parts"):
        number = "MB" in column
        table.add_column(column, justify="right" if number else "left", no_wrap=number, overflow="fold")
    for subset in subsets:
        most = ", ".join(
            f"{name} {_mb(size)}" for name, size in list(subset.bytes.items())[:_KINDS_SHOWN] if size >= _SHOWN
        )
        table.add_row(subset.name, _mb(subset.total), "in use" if subset.busy else _mb(subset.spare), most)
    total, spare = (
        (sum(values) for values in zip(*((s.total, s.spare) for s in subsets), strict=True)) if subsets else (0, 0)
    )
    return Group(table, *_what_can_go(subsets), f"\n{_mb(total)} MB in all, {_mb(spare)} MB can be deleted")


def _what_can_go(subsets: Sequence[Housekeeping]) -> list[str]:
    lines = []
    for subset in subsets:
        lines += [f"{file.path}: {_mb(file.bytes)} MB, {file.why}" for file in subset.surplus[:_LISTED]]
        if len(subset.surplus) > _LISTED:
            lines.append(f"{subset.folder}: and {len(subset.surplus) - _LISTED} more")
    return ["", *lines] if lines else []


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f}"
