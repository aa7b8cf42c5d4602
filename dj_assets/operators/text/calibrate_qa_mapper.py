"""Correct questions and answers by a language model."""

from __future__ import annotations

from typing import ClassVar

from dj_assets.operators.kinds.calibrated_dialog import CalibratedDialog
from dj_assets.operators.registry import register


@register("calibrate_qa_mapper")
class CalibrateQaMapper(CalibratedDialog):
    """Let a language model correct the fields `query` and `response` by the text.

    The answer replaces the fields. A sample whose call failed keeps them, and a sample without question and answer is
    not asked about. `input_template` has `{reference}` and `{qa_pair}`; in the others, `{}` stands for the text, or
    for question and answer. The groups of `output_pattern` are the new texts.
    """

    task: ClassVar[str] = (
        "Correct the question and the answer by the reference: make both agree with it, and more "
        "detailed. Reply in this form and with nothing else:\n"
        "[Question]\n"
        "the corrected question\n"
        "[Answer]\n"
        "the corrected answer"
    )
