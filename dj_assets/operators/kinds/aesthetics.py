"""Filter by the predicted aesthetic rating of images and clips."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from dj_assets.models import load
from dj_assets.operators.kinds.scored_media import ScoredMedia
from dj_assets.operators.views.scores import Model

PREDICTOR = "shunk031/aesthetics-predictor-v2-sac-logos-ava1-l14-linearMSE"
_FULL_MARKS = 10.0


class AestheticsFilter(ScoredMedia):
    """Filter by the rating that a model over CLIP predicts, divided by `score_scale`."""

    bounds = ("min_score", "max_score")
    output: ClassVar[str] = "ratings"

    hf_scorer_model: str = ""
    score_scale: float | None = None

    def models(self) -> tuple[str, ...]:
        """Return the name of the predictor."""
        return (self.hf_scorer_model or PREDICTOR,)

    def scorer(self, path: Path) -> Model:
        """Return the function that predicts ratings."""
        return load.aesthetics_predictor(path).scores

    @property
    def scale(self) -> float:
        """Return the divisor of ratings: as given, else 10 for models named `aesthetics-predictor`, else 1.

        Models of that name rate up to 10.
        """
        if self.score_scale is not None:
            return self.score_scale
        return _FULL_MARKS if "aesthetics-predictor" in self.models()[0] else 1.0
