"""Counts for the charts: histograms, scatter plots as densities, groups, and tables of two groupings."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from dj_assets.analysis.columns import StatColumn
from dj_assets.explore.axes import QUANTILE_VALUES, axis, tally
from dj_assets.explore.samples import Codes, Mask, Samples

MOST_GROUPS = 12

Answer = dict[str, object]


def histogram(samples: Samples, column: StatColumn, marks: Mask, before: Mask | None) -> Answer:
    """Return the counts of kept and other samples of a selection by bin; `before` are those an earlier run kept."""
    found = axis(samples, column)
    if found is None:
        return {}
    bins, size = found.bins, found.scale.bins
    everything, kept = _counts(samples, bins, size + 1, marks)
    answer: Answer = {
        "scale": asdict(found.scale),
        "kept": kept[:size].tolist(),
        "all": everything[:size].tolist(),
        "missing": int(everything[size]),
    }
    if before is not None:
        answer["before"] = tally(bins, size + 1, marks & before)[:size].tolist()
    return answer


def scatter(samples: Samples, columns: tuple[StatColumn, StatColumn], marks: Mask) -> Answer:
    """Return the counts of kept and of all samples of a selection in a grid over two statistics."""
    axes = [axis(samples, column) for column in columns]
    if axes[0] is None or axes[1] is None:
        return {}
    across, up = axes[0], axes[1]
    width, height = across.scale.bins + 1, up.scale.bins + 1
    key = ("cells", columns[0].name, columns[1].name)
    cells = samples.cached(key, lambda: across.bins.astype(np.uint16) * np.uint16(height) + up.bins)
    counts = _counts(samples, cells, width * height, marks)
    grids = [grid.reshape(width, height)[:-1, :-1] for grid in counts]
    return {
        "x": asdict(across.scale),
        "y": asdict(up.scale),
        "all": grids[0].tolist(),
        "kept": grids[1].tolist(),
        "missing": int(counts[0].sum() - grids[0].sum()),
    }


def groups(samples: Samples, grouping: tuple[list[str], Codes], column: StatColumn | None, marks: Mask) -> Answer:
    """Return, for the largest groups of a selection: all samples, kept samples, and percentiles of a statistic."""
    names, codes = grouping
    size = len(names)
    everything, kept = _counts(samples, codes, size, marks)
    largest = [int(index) for index in np.argsort(-everything, kind="stable")[:MOST_GROUPS] if everything[index]]
    rows = [{"name": names[index], "all": int(everything[index]), "kept": int(kept[index])} for index in largest]
    if column is not None:
        values = samples.numbers(column.name)
        step = max(1, len(values) // QUANTILE_VALUES)
        few, few_codes = np.where(marks[::step], values[::step], np.nan), codes[::step]
        for row, index in zip(rows, largest, strict=True):
            own = few[(few_codes == index) & np.isfinite(few)]
            row["percentiles"] = np.percentile(own, (5, 25, 50, 75, 95)).tolist() if len(own) else None
    return {"rows": rows, "groups": int(np.count_nonzero(everything)), "total": int(everything.sum())}


def crossed(samples: Samples, first: tuple[list[str], Codes], second: tuple[list[str], Codes], marks: Mask) -> Answer:
    """Return the counts of all and of kept samples of a selection in the largest groups of two groupings."""
    (names, codes), (other_names, other_codes) = first, second
    rows, columns = _largest(codes, len(names), marks), _largest(other_codes, len(other_names), marks)
    place, other_place = _places(rows, len(names)), _places(columns, len(other_names))
    width = MOST_GROUPS + 1
    cells = place[codes] * width + other_place[other_codes]
    shape = (width, width)
    counts = _counts(samples, cells, width * width, marks)
    return {
        "rows": [names[index] for index in rows],
        "columns": [other_names[index] for index in columns],
        "all": counts[0].reshape(shape)[: len(rows), : len(columns)].tolist(),
        "kept": counts[1].reshape(shape)[: len(rows), : len(columns)].tolist(),
    }


def _counts(
    samples: Samples, codes: npt.NDArray[Any], size: int, marks: Mask
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return how many samples of a selection have each code, and how many of them are kept, in one pass."""
    # the outcome is the last bit of the code
    wide: Any = np.uint16 if 2 * size < 1 << 16 else np.int64
    counts = tally(lambda part: codes[part].astype(wide) * wide(2) + samples.kept[part], 2 * size, marks).reshape(-1, 2)
    return counts.sum(axis=1), counts[:, 1]


def _largest(codes: Codes, size: int, marks: Mask) -> list[int]:
    counts = tally(codes, size, marks)
    return [int(index) for index in np.argsort(-counts, kind="stable")[:MOST_GROUPS] if counts[index]]


def _places(chosen: list[int], size: int) -> npt.NDArray[np.int32]:
    """Return the place of every code in a table; codes that are not shown share the last place."""
    places = np.full(size, MOST_GROUPS, np.int32)
    places[chosen] = np.arange(len(chosen), dtype=np.int32)
    return places
