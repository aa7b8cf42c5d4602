"""VBench's totals from its sixteen dimensions (Huang et al., 2024, arXiv:2311.17982)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

QUALITY = (
    "subject consistency",
    "background consistency",
    "temporal flickering",
    "motion smoothness",
    "aesthetic quality",
    "imaging quality",
    "dynamic degree",
)
SEMANTIC = (
    "object class",
    "multiple objects",
    "human action",
    "color",
    "spatial relationship",
    "scene",
    "appearance style",
    "temporal style",
    "overall consistency",
)
TOTALS = ("Quality Score", "Semantic Score", "Total Score")
# The range of values of a dimension, as shares; all others are from 0 to 1.
_RANGES = {
    "subject consistency": (0.1462, 1.0),
    "background consistency": (0.2615, 1.0),
    "temporal flickering": (0.6293, 1.0),
    "motion smoothness": (0.706, 0.9975),
    "scene": (0.0, 0.8222),
    "appearance style": (0.0009, 0.2855),
    "temporal style": (0.0, 0.364),
    "overall consistency": (0.0, 0.364),
}
_WEIGHTS = {"dynamic degree": 0.5}
_QUALITY_WEIGHT, _SEMANTIC_WEIGHT = 4.0, 1.0


@dataclass(frozen=True)
class Totals:
    """The three totals in percent, and the dimensions that were not given, which count as 0."""

    quality: float
    semantic: float
    total: float
    missing: tuple[str, ...]


def vbench_totals(scores: Mapping[str, float]) -> Totals:
    """Return the totals of scores (in percent, by dimension).

    Every dimension is scaled to its range; quality is the weighted mean of seven of them (dynamic degree weighs half),
    semantic is the mean of the other nine, and the total is (4 quality + semantic) / 5.
    """
    quality, semantic = (_mean(scores, names) for names in (QUALITY, SEMANTIC))
    total = (_QUALITY_WEIGHT * quality + _SEMANTIC_WEIGHT * semantic) / (_QUALITY_WEIGHT + _SEMANTIC_WEIGHT)
    missing = tuple(name for name in (*QUALITY, *SEMANTIC) if name not in scores)
    return Totals(quality, semantic, total, missing)


def _mean(scores: Mapping[str, float], names: tuple[str, ...]) -> float:
    weights = [_WEIGHTS.get(name, 1.0) for name in names]
    scaled = (weight * _scaled(name, scores) for name, weight in zip(names, weights, strict=True))
    return 100 * sum(scaled) / sum(weights)


def _scaled(name: str, scores: Mapping[str, float]) -> float:
    if name not in scores:
        return 0.0
    low, high = _RANGES.get(name, (0.0, 1.0))
    return (scores[name] / 100 - low) / (high - low)
