"""Score by a language model whether an answer understands references."""

from __future__ import annotations

from typing import ClassVar

from dj_assets.operators.kinds.dialog_quality import DialogJudge
from dj_assets.operators.registry import register


@register("dialog_coreference_mapper")
class DialogCoreferenceMapper(DialogJudge):
    """Write whether the last answer of a dialog understands what "it" and the like mean, as a language model scores it.

    The struct `dialog_coreference` of `__dj__meta__` has a score from 1 to 5 and a reason. It is `skipped` for
    a sample without a dialog, and has an `error` if the call failed. Without `overwrite`, a score that is there stays.
    """

    result_key: ClassVar[str] = "dialog_coreference"
    criterion: ClassVar[str] = (
        "You judge one answer in a dialog: does the assistant reply understand what pronouns and other "
        "references in the current user message mean, given the earlier turns?\n"
        "1 = it clearly takes one for something else; 3 = it is understandable but vague; 5 = all "
        "references are understood."
    )
