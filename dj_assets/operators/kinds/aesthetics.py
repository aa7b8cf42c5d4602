"""Define the default model and the rating scale of the aesthetics filters over images and clips."""

from __future__ import annotations

PREDICTOR = "shunk031/aesthetics-predictor-v2-sac-logos-ava1-l14-linearMSE"
_FULL_MARKS = 10.0


def score_scale(given: float | None, model: str) -> float:
    """Return the divisor of ratings: `given`, else 10 for models named `aesthetics-predictor`, else 1.

    Models of that name rate up to 10.
    """
    if given is not None:
        return given
    return _FULL_MARKS if "aesthetics-predictor" in model else 1.0
