"""Filter by classes of images and frames: not safe for work, with a watermark."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from dj_assets.models import load
from dj_assets.operators.conditions import Range
from dj_assets.operators.kinds.scored_media import ScoredMedia
from dj_assets.operators.views.scores import Model


class ClassifiedMedia(ScoredMedia):
    """Filter by the probability of the second class of an image classifier."""

    output: ClassVar[str] = "classes"

    def scorer(self, path: Path) -> Model:
        """Return the function that computes the probabilities of all classes."""
        return load.image_classifier(path).probabilities

    def number(self, output: np.ndarray) -> float:
        """Return the probability of the second class."""
        return float(output[1])


class NsfwFilter(ClassifiedMedia):
    """Filter by the probability that images or clips are not safe for work."""

    bounds = ("min_score", "max_score")

    hf_nsfw_model: str = "Falconsai/nsfw_image_detection"
    min_score: float = 0.0
    max_score: float = 0.5

    def models(self) -> tuple[str, ...]:
        """Return the name of the classifier."""
        return (self.hf_nsfw_model,)


class WatermarkFilter(ClassifiedMedia):
    """Filter by the probability that images or clips have a watermark."""

    bounds = ("prob_threshold", "prob_threshold")

    hf_watermark_model: str = "amrul-hzz/watermark_detector"
    prob_threshold: float = 0.8

    def models(self) -> tuple[str, ...]:
        """Return the name of the classifier."""
        return (self.hf_watermark_model,)

    @property
    def range(self) -> Range:
        """Return the range: at most the threshold."""
        return replace(super().range, low=None)
