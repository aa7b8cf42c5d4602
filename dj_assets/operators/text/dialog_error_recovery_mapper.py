"""Score by a language model how an answer deals with a mistake that the user corrects."""

from __future__ import annotations

from typing import ClassVar

from dj_assets.operators.kinds.dialog_quality import DialogJudge
from dj_assets.operators.registry import register


@register("dialog_error_recovery_mapper")
class DialogErrorRecoveryMapper(DialogJudge):
    """Write how the last answer of a dialog deals with a mistake that the user corrects, as a language model scores it.

    The struct `dialog_error_recovery` of `__dj__meta__` has a score from 1 to 5 and a reason. It is `skipped` for a
    sample without a dialog, and has an `error` if the call failed. Without `overwrite`, a score that is there stays.
    """

    result_key: ClassVar[str] = "dialog_error_recovery"
    criterion: ClassVar[str] = (
        "You judge one answer in a dialog. If the user corrects or disputes an earlier answer, does the"
        " assistant reply admit the mistake politely and put it right? If the user corrects nothing, "
        "the score is 5, and the reason says that there was nothing to correct.\n"
        "1 = it denies the mistake or is rude; 5 = it puts the mistake right."
    )
