"""Score by a language model whether an answer repeats earlier ones."""

from __future__ import annotations

from typing import ClassVar

from dj_assets.operators.kinds.dialog_quality import DialogJudge
from dj_assets.operators.registry import register


@register("dialog_non_repetition_mapper")
class DialogNonRepetitionMapper(DialogJudge):
    """Write whether the last answer of a dialog says something new, as a language model scores it.

    The struct `dialog_non_repetition` of `__dj__meta__` has a score from 1 to 5 and a reason. It is `skipped` for a
    sample without a dialog, and has an `error` if the call failed. Without `overwrite`, a score that is there stays.
    """

    result_key: ClassVar[str] = "dialog_non_repetition"
    criterion: ClassVar[str] = (
        "You judge one answer in a dialog: does the assistant reply say something new, compared with "
        "the assistant in earlier turns? Polite phrases do not count.\n"
        "1 = it nearly repeats an earlier answer; 5 = it has new facts, conclusions or progress."
    )
