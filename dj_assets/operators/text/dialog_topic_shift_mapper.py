"""Score by a language model whether an answer follows a change of topic."""

from __future__ import annotations

from typing import ClassVar

from dj_assets.operators.kinds.dialog_quality import DialogJudge
from dj_assets.operators.registry import register


@register("dialog_topic_shift_mapper")
class DialogTopicShiftMapper(DialogJudge):
    """Write whether the last answer of a dialog follows a change of topic, as a language model scores it.

    The struct `dialog_topic_shift` of `__dj__meta__` has a score from 1 to 5 and a reason. It is `skipped` for a
    sample without a dialog, and has an `error` if the call failed. Without `overwrite`, a score that is there stays.
    """

    result_key: ClassVar[str] = "dialog_topic_shift"
    criterion: ClassVar[str] = (
        "You judge one answer in a dialog. First decide whether the current user message changes the "
        "topic of the earlier turns. If it does, judge whether the assistant reply follows to the new "
        "topic. If it does not, judge only whether the reply deals with the message: 3 to 5 if it does.\n"
        "1 = it is about something else; 5 = it deals with just what the user asks now."
    )
