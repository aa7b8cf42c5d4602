"""Improve questions and answers by a language model."""

from __future__ import annotations

from typing import ClassVar

from dj_assets.operators.kinds.optimized_dialog import OptimizedDialog
from dj_assets.operators.registry import register


@register("optimize_qa_mapper")
class OptimizeQaMapper(OptimizedDialog):
    """Let a language model improve the fields `query` and `response`.

    The answer replaces the fields. A sample whose call failed keeps them, and a sample without question and answer is
    not asked about. In the templates, `{}` stands for the pair, or for question and answer in turn. The groups of
    `output_pattern` are the new texts.
    """

    task: ClassVar[str] = (
        "Improve the question and the answer: make both more detailed and more accurate. Reply in this form and with "
        "nothing else:\n[Question]\nthe improved question\n[Answer]\nthe improved answer"
    )
