"""Correct answers by a language model."""

from __future__ import annotations

from typing import ClassVar

from dj_assets.operators.kinds.calibrated_dialog import CalibratedDialog
from dj_assets.operators.kinds.optimized_dialog import ONE_TEXT, RESPONSE
from dj_assets.operators.registry import register


@register("calibrate_response_mapper")
class CalibrateResponseMapper(CalibratedDialog):
    """Let a language model correct the field `response` by the text.

    The answer replaces the field. A sample whose call failed keeps it, and a sample without question and answer is
    not asked about. `input_template` has `{reference}` and `{qa_pair}`; in the others, `{}` stands for the text, or
    for question and answer. The groups of `output_pattern` are the new texts.
    """

    improved: ClassVar[tuple[str, ...]] = (RESPONSE,)
    form: ClassVar[str] = ONE_TEXT
    task: ClassVar[str] = (
        "Correct the answer by the reference: make it agree with it, and more detailed, so that it "
        "still answers the question. Reply with the corrected answer and nothing else."
    )
