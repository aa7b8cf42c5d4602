"""The axis of a statistic with the bin of every sample, and counts by a code, a part of the samples at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dj_assets.analysis.columns import StatColumn
from dj_assets.analysis.histograms import Scale, choose_scale
from dj_assets.analysis.statistics import Summary
from dj_assets.explore.samples import Mask, Numbers, Samples

# Percentiles are those of about this number of values, evenly spread over the samples.
QUANTILE_VALUES = 200_000
# Samples of a part: what is made of it stays in the caches of the processor.
PART = 1 << 18

Integers = npt.NDArray[Any]


@dataclass(frozen=True)
class Axis:
    """The axis of a statistic, and the bin of every sample; the last bin is of samples without a finite value."""

    scale: Scale
    bins: npt.NDArray[np.uint8]


def axis(samples: Samples, column: StatColumn) -> Axis | None:
    """Return the axis of a numeric statistic, made once; None where it has no finite value."""
    made = samples.cached(("axis", column.name), lambda: (_axis(samples.numbers(column.name), column),))
    return made[0] if isinstance(made[0], Axis) else None


def tally(codes: Integers | Callable[[slice], Integers], size: int, marks: Mask) -> npt.NDArray[np.int64]:
    """Return how many marked samples have each code below `size`; a function gives the codes of a part."""
    counts = np.zeros(size, np.int64)
    for start in range(0, len(marks), PART):
        part = slice(start, start + PART)
        own = codes(part) if callable(codes) else codes[part]
        counts += np.bincount(own if marks[part].all() else own[marks[part]], minlength=size)
    return counts


def _axis(values: Numbers, column: StatColumn) -> Axis | None:
    scale = choose_scale(_summary(values), column.bounds, whole=column.is_whole)
    if scale is None:
        return None
    bins = np.full(len(values), scale.bins, np.uint8)
    # a piece at a time: the positions on the axis need no memory of ten million numbers
    for start in range(0, len(values), PART):
        piece = values[start : start + PART]
        finite = np.isfinite(piece)
        bins[start : start + PART][finite] = _bins(piece[finite], scale)
    return Axis(scale, bins)


def _bins(values: Numbers, scale: Scale) -> npt.NDArray[np.uint8]:
    if scale.log:
        share = np.log(np.maximum(values, scale.low) / scale.low) / np.log(scale.high / scale.low)
    else:
        share = (values - scale.low) / (scale.high - scale.low)
    bins: npt.NDArray[np.uint8] = np.clip(np.floor(share * scale.bins + 1e-9), 0, scale.bins - 1).astype(np.uint8)
    return bins


def _summary(values: Numbers) -> Summary:
    """Return the summary of finite values; the percentiles are those of a part of them."""
    few = values[:: max(1, len(values) // QUANTILE_VALUES)]
    few = few[np.isfinite(few)]
    if not len(few):
        few = values[np.isfinite(values)]
    if not len(few):
        return Summary(len(values), 0, 0, 0, None, None, None, None, None, None)
    low, middle, high = np.percentile(few, (1, 50, 99)).tolist()
    finite = np.where(np.isfinite(values), values, middle)
    ends = float(finite.min()), float(finite.max())
    return Summary(len(values), len(values), len(values), 0, ends[0], low, middle, high, ends[1], None)
