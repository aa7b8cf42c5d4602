"""What the filters over ratings of images and of clips have in common."""

from __future__ import annotations

PREDICTOR = "shunk031/aesthetics-predictor-v2-sac-logos-ava1-l14-linearMSE"
_FULL_MARKS = 10.0


def score_scale(given: float | None, model: str) -> float:
    """Return what ratings are divided by: as given, else 10 for a model that is named like those that rate up to 10."""
    if given is not None:
        return given
    return _FULL_MARKS if "aesthetics-predictor" in model else 1.0
