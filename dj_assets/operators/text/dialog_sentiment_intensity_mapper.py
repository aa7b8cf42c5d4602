"""Score the sentiment in a dialog by a language model."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from dj_assets.operators.kinds.dialog_labels import DialogLabels
from dj_assets.operators.registry import register

_STRONGEST = 5


@register("dialog_sentiment_intensity_mapper")
class DialogSentimentIntensityMapper(DialogLabels):
    """Write how the user feels in each question of a dialog, from -5 to 5, as a language model scores it.

    The lists `intensities_key` and `analysis_key` of `__dj__meta__` have an element for each question; a question whose
    call failed has no score and an empty analysis. A dialog is `history_key`, a list of pairs, and then `query_key`
    with `response_key`.
    """

    subject: ClassVar[str] = "the sentiment of the user as a whole number from -5 (very negative) to 5 (very positive)"
    marks: ClassVar[tuple[str, str]] = ("情绪分析", "情绪值")
    found_type: ClassVar[pa.DataType] = pa.int64()

    intensities_key: str = Field("dialog_sentiment_intensity", min_length=1)
    analysis_key: str = Field("dialog_sentiment_intensity_analysis", min_length=1)
    intensity_template: str | None = None
    intensity_pattern: str | None = None

    @property
    def found_key(self) -> str:
        """Return the field of the scores."""
        return self.intensities_key

    @property
    def value_template(self) -> str:
        """Return the line of a score in the history."""
        return self.intensity_template or f"{self.marks[1]}：{{intensity}}\n"

    @property
    def value_pattern(self) -> str:
        """Return the pattern of a score in an answer."""
        return self.intensity_pattern or rf"{self.marks[1]}\s*[：:]\s*(.*?)\s*(?:\n|$)"

    def value(self, found: str) -> int:
        """Return the score; raise `ValueError` if it is no whole number from -5 to 5."""
        score = int(found)
        if abs(score) > _STRONGEST:
            raise ValueError("is no score from -5 to 5")
        return score
