"""Score by a language model whether an answer helps beyond the question."""

from __future__ import annotations

from typing import ClassVar

from dj_assets.operators.kinds.dialog_quality import DialogJudge
from dj_assets.operators.registry import register


@register("dialog_proactivity_mapper")
class DialogProactivityMapper(DialogJudge):
    """Write whether the last answer of a dialog helps beyond the question, as a language model scores it.

    The struct `dialog_proactivity` of `__dj__meta__` has a score from 1 to 5 and a reason. It is `skipped` for a
    sample without a dialog, and has an `error` if the call failed. Without `overwrite`, a score that is there stays.
    """

    result_key: ClassVar[str] = "dialog_proactivity"
    criterion: ClassVar[str] = (
        "You judge one answer in a dialog: does the assistant reply help the user onwards, by sensible "
        "next steps or useful additions, without filling words and digressions?\n"
        "1 = it is passive, or only padding; 5 = it helps onwards and is still brief."
    )
