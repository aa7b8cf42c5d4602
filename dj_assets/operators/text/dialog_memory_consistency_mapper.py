"""Score by a language model whether an answer respects what was said before."""

from __future__ import annotations

from typing import ClassVar

from dj_assets.operators.kinds.dialog_quality import DialogJudge
from dj_assets.operators.registry import register


@register("dialog_memory_consistency_mapper")
class DialogMemoryConsistencyMapper(DialogJudge):
    """Write whether the last answer of a dialog respects what the user said before, as a language model scores it.

    The struct `dialog_memory_consistency` of `__dj__meta__` has a score from 1 to 5 and a reason. It is `skipped` for a
    sample without a dialog, and has an `error` if the call failed. Without `overwrite`, a score that is there stays.
    """

    result_key: ClassVar[str] = "dialog_memory_consistency"
    criterion: ClassVar[str] = (
        "You judge one answer in a dialog: does the assistant reply respect the wishes, limits and "
        "facts that the user gave in earlier turns? An answer that forgets or contradicts one of them "
        "scores low. Use nothing that the dialog does not say.\n"
        "1 = it breaks or forgets something important; 3 = it mostly fits; 5 = it respects everything "
        "that matters."
    )
