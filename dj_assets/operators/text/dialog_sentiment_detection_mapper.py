"""Label the sentiments in a dialog by a language model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from dj_assets.operators.kinds.dialog_labels import CategoryLabels
from dj_assets.operators.registry import register


@register("dialog_sentiment_detection_mapper")
class DialogSentimentDetectionMapper(CategoryLabels):
    """Write the sentiment of the user in each question of a dialog, as a language model names it.

    The list `labels_key` of `__dj__meta__` has each label once, `analysis_key` an analysis for each question; a
    question whose call failed has no label and an empty analysis. A dialog is `history_key`, a list of pairs, and then
    `query_key` with `response_key`. The labels are in the language of `preferred_output_lang`, Chinese or English, and
    among `sentiment_candidates`, if there are any.
    """

    subject: ClassVar[str] = "the sentiment of the user"
    marks: ClassVar[tuple[str, str]] = ("情感分析", "情感类别")

    sentiment_candidates: tuple[str, ...] | None = None
    labels_key: str = Field("dialog_sentiment_labels", min_length=1)
    analysis_key: str = Field("dialog_sentiment_labels_analysis", min_length=1)

    @property
    def candidates(self) -> Sequence[str] | None:
        """Return the labels to choose from."""
        return self.sentiment_candidates
