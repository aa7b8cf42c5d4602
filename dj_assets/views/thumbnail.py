"""The funnel as a thumbnail, small enough for Dagster's inline metadata."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dj_assets.publish.database import reading
from dj_assets.recipe.plan import Plan
from dj_assets.views.png import palette_png

WIDTH, HEIGHT = 300, 84
_PALETTE = ((255, 255, 255), (238, 242, 246), (74, 123, 166), (224, 122, 85))
_PAPER, _RAIL, _KEPT, _LOST = range(4)
_PAD = 6


def thumbnail_png(database: Path, plan: Plan) -> bytes:
    """Draw the funnel of a published subset as 300 by 84 pixels.

    There is one bar for loading and for each operator that can drop samples: blue for the samples left after it,
    orange for those that it dropped, grey for those dropped before. A loss is at least one pixel high, even for one
    sample in millions.
    """
    judging = {step.index for step in plan.steps if step.drops}
    with reading(database) as connection:
        steps = connection.execute("SELECT step, samples_in, samples_out FROM funnel ORDER BY step").fetchall()
        rows = connection.execute(
            "SELECT (manifest->>'samples_in')::BIGINT FROM runs ORDER BY finished DESC LIMIT 1"
        ).fetchone()
    loaded = steps[0][1] if steps else 0
    samples = rows[0] if rows else loaded
    # a mapper drops nothing, but may have quarantined samples
    bars = [(before, after) for number, before, after in steps if number in judging or before != after]
    return palette_png(_draw([(samples, loaded), *bars]), _PALETTE)


def _draw(bars: Sequence[tuple[int, int]]) -> np.ndarray:
    pixels = np.full((HEIGHT, WIDTH), _PAPER, np.uint8)
    floor, depth = HEIGHT - _PAD, HEIGHT - 2 * _PAD
    whole = max(1, *(max(bar) for bar in bars))
    pitch = max(2, min((WIDTH - 2 * _PAD) // len(bars), 40))
    for number, (before, after) in enumerate(bars):
        left = _PAD + number * pitch
        columns = slice(left, min(left + max(1, pitch - max(1, pitch // 6)), WIDTH - _PAD))
        lost = max(1, round((before - after) / whole * depth)) if before > after else 0
        top = min(floor - round(after / whole * depth), floor - 1 if after else floor)
        top = max(top, _PAD + lost)
        pixels[_PAD:floor, columns] = _RAIL
        pixels[top:floor, columns] = _KEPT
        pixels[top - lost : top, columns] = _LOST
    return pixels
