"""The gallery as a table: one row for each subset, with measured and published retention."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dj_assets.analysis.figures import percent, rate
from dj_assets.recipe.model import Recipe
from dj_assets.subset import RunResult

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class GalleryRow:
    """One subset. Retention is a share from 0 to 1; `published` is None where the gallery states no rate.

    `samples` is the number of samples that could be kept.
    """

    subset: str
    samples_in: int
    samples_out: int
    retention: float
    published: float | None
    seconds: float
    quarantined: int
    samples: int


def gallery_table(results: Iterable[tuple[Recipe, RunResult]]) -> list[GalleryRow]:
    """Return one row for each run, in the given order; `seconds` are those of the run that published it."""
    return [_row(recipe, result) for recipe, result in results]


def render_gallery(rows: Sequence[GalleryRow]) -> Table:
    """Return the rows as a table with a total for rich."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, show_footer=len(rows) > 1, footer_style="dim")
    samples_in, samples_out = sum(row.samples_in for row in rows), sum(row.samples_out for row in rows)
    samples = sum(row.samples for row in rows)
    columns = {
        "subset": f"{len(rows)} subsets",
        "in": f"{samples_in:,}",
        "out": f"{samples_out:,}",
        "kept": percent(samples_out, samples),
        "published": "",
        "s": f"{sum(row.seconds for row in rows):.1f}",
        "quar.": f"{sum(row.quarantined for row in rows):,}",
    }
    for name, total in columns.items():
        first = name == "subset"
        table.add_column(name, total, justify="left" if first else "right", no_wrap=not first, overflow="fold")
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _row(recipe: Recipe, result: RunResult) -> GalleryRow:
    reference = recipe.reference
    return GalleryRow(
        subset=recipe.name,
        samples_in=result.samples_in,
        samples_out=result.samples_out,
        retention=result.retention,
        published=reference.published_retention if reference else None,
        seconds=round(sum(result.manifest.seconds.values()), 1),
        quarantined=result.quarantined,
        samples=result.manifest.samples,
    )


def _cells(row: GalleryRow) -> list[str]:
    return [
        row.subset,
        f"{row.samples_in:,}",
        f"{row.samples_out:,}",
        percent(row.samples_out, row.samples),
        "–" if row.published is None else rate(row.published),
        f"{row.seconds:.1f}",
        f"{row.quarantined:,}" if not row.quarantined else f"[yellow]{row.quarantined:,}[/]",
    ]
