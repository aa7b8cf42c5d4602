"""The distributions of a subset's statistics in one picture: small multiples in SVG, without scripts or fonts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import duckdb

from dj_assets.analysis.columns import StatColumn, stat_columns
from dj_assets.analysis.figures import percent
from dj_assets.analysis.histograms import choose_scale, count_bins, count_names
from dj_assets.analysis.statistics import summarize
from dj_assets.publish.database import reading
from dj_assets.recipe.plan import Plan
from dj_assets.views.panels import HEIGHT, NAMES, STYLE, WIDTH, Panel, draw_panel
from dj_assets.views.svg import element, rectangle, text

PAGE_WIDTH = 900
LIMIT_BYTES = 40_000
_ACROSS = 3
_MARGIN = 28.0
_GAP = (PAGE_WIDTH - 2 * _MARGIN - _ACROSS * WIDTH) / (_ACROSS - 1)
_HEADER, _ROW, _FOOTER = 92.0, HEIGHT + 34, 6.0
LEGEND = (("kept", "kept"), ("elsewhere", "passes, but dropped elsewhere"), ("fails", "fails this condition"))


def distributions_svg(database: Path, plan: Plan, limit_bytes: int = LIMIT_BYTES) -> str:
    """Draw every statistic of a published subset, one panel for each column, in recipe order.

    A panel shows the samples that are kept, those that another operator drops, and those that fail this condition,
    with its thresholds and the share that it would drop alone. Axes run from the 1st to the 99th percentile, widened to
    contain the thresholds; values beyond an end count in the outermost bin.

    Parameters
    ----------
    database
        The `stats.duckdb` of the subset; opened read-only.
    limit_bytes
        Panels are left out from the end of the recipe while the picture is larger; it then names them.

    Returns
    -------
    A self-contained SVG, 900 px wide, on a white card.
    """
    columns = stat_columns(plan)
    with reading(database) as connection:
        panels = [draw_panel(panel) for panel in _panels(connection, columns)]
        counts = _counts(connection)
    for shown in range(len(panels), -1, -1):
        left_out = [column.name for column in columns[shown:]]
        picture = _page(plan.recipe.name, counts, panels[:shown], left_out)
        if len(picture.encode()) <= limit_bytes:
            break
    return picture


def drawn_panels(database: Path, plan: Plan) -> list[str]:
    """Draw every statistic as a separate group, `panels.WIDTH` by `panels.HEIGHT`, without a style sheet."""
    with reading(database) as connection:
        return [draw_panel(panel) for panel in _panels(connection, stat_columns(plan))]


def _panels(connection: duckdb.DuckDBPyConnection, columns: Sequence[StatColumn]) -> list[Panel]:
    summaries = summarize(connection, columns)
    scales = {
        index: scale
        for index, (column, summary) in enumerate(zip(columns, summaries, strict=True))
        if column.is_numeric and (scale := choose_scale(summary, column.bounds, whole=column.is_whole))
    }
    counted = count_bins(connection, [columns[index] for index in scales], list(scales.values()))
    histograms = dict(zip(scales, counted, strict=True))
    return [
        Panel(column, summary, histograms.get(index) if column.is_numeric else count_names(connection, column, NAMES))
        for index, (column, summary) in enumerate(zip(columns, summaries, strict=True))
    ]


def _counts(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Return the number of samples that could be kept, and of those that the run of the database kept."""
    query = """
        SELECT (manifest->>'samples_in')::BIGINT + coalesce((manifest->>'created')::BIGINT, 0)
               - coalesce((manifest->>'expanded')::BIGINT, 0) - coalesce((manifest->>'grouped')::BIGINT, 0),
               (manifest->>'samples_out')::BIGINT
        FROM runs ORDER BY finished DESC LIMIT 1
    """
    row = connection.execute(query).fetchone()
    return (row[0], row[1]) if row else (0, 0)


def _page(name: str, counts: tuple[int, int], panels: Sequence[str], left_out: Sequence[str]) -> str:
    rows = -(-len(panels) // _ACROSS)
    height = _HEADER + rows * _ROW + (22 if left_out or not panels else 0) + _FOOTER
    placed = [
        element("g", panel, transform=f"translate({_x(number):g} {_HEADER + number // _ACROSS * _ROW:g})")
        for number, panel in enumerate(panels)
    ]
    return element(
        "svg",
        element("title", f"Distributions of {escape(name)}"),
        element("style", STYLE.replace("\n", "")),
        rectangle(0.5, 0.5, PAGE_WIDTH - 1, height - 1, "card", rx=10),
        *_header(name, counts),
        *placed,
        _remark(panels, left_out, height),
        xmlns="http://www.w3.org/2000/svg",
        width=PAGE_WIDTH,
        height=height,
        viewBox=f"0 0 {PAGE_WIDTH} {height:g}",
        role="img",
    )


def _x(number: int) -> float:
    return _MARGIN + number % _ACROSS * (WIDTH + _GAP)


def _header(name: str, counts: tuple[int, int]) -> list[str]:
    samples_in, samples_out = counts
    kept = f"{samples_out:,} of {samples_in:,} samples kept, {percent(samples_out, samples_in)}"
    parts = [text(_MARGIN, 38, name, "h"), text(PAGE_WIDTH - _MARGIN, 38, kept, "z e")]
    x = _MARGIN
    for style, label in LEGEND:
        parts += [rectangle(x, 53, 10, 10, style, rx=2), text(x + 16, 62, label, "a")]
        x += 16 + len(label) * 5.4 + 22
    return parts


def _remark(panels: Sequence[str], left_out: Sequence[str], height: float) -> str:
    if left_out:
        return text(_MARGIN, height - 20, f"not drawn, because of the size limit: {', '.join(left_out)}", "a")
    return "" if panels else text(_MARGIN, height - 20, "this recipe measures no statistic", "a")
