"""Score by a language model whether an answer asks back where this is needed."""

from __future__ import annotations

from typing import ClassVar

from dj_assets.operators.kinds.dialog_quality import DialogJudge
from dj_assets.operators.registry import register


@register("dialog_clarification_quality_mapper")
class DialogClarificationQualityMapper(DialogJudge):
    """Write whether the last answer of a dialog asks back where this is needed, as a language model scores it.

    The struct `dialog_clarification_quality` of `__dj__meta__` has a score from 1 to 5 and a reason. It is `skipped`
    for a sample without a dialog, and has an `error` if the call failed. Without `overwrite`, a score that is there
    stays.
    """

    result_key: ClassVar[str] = "dialog_clarification_quality"
    criterion: ClassVar[str] = (
        "You judge one answer in a dialog: where the request is vague or lacks something important, "
        "does the assistant reply ask few and precise questions, and does not guess? A reply that "
        "directly fulfils a clear request scores high, and a short question about progress needs no "
        "question back.\n"
        "1 = it guesses where it should ask, or asks too much; 5 = it asks just what is needed, or "
        "answers well at once."
    )
