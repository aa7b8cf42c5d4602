"""Improve answers by a language model."""

from __future__ import annotations

from typing import ClassVar

from dj_assets.operators.kinds.optimized_dialog import ONE_TEXT, RESPONSE, OptimizedDialog
from dj_assets.operators.registry import register


@register("optimize_response_mapper")
class OptimizeResponseMapper(OptimizedDialog):
    """Let a language model improve the field `response`, given `query`.

    The answer replaces the field. A sample whose call failed keeps it, and a sample without question and answer is not
    asked about. In the templates, `{}` stands for the pair, or for question and answer in turn. The groups of
    `output_pattern` are the new texts.
    """

    improved: ClassVar[tuple[str, ...]] = (RESPONSE,)
    form: ClassVar[str] = ONE_TEXT
    task: ClassVar[str] = (
        "Improve the answer: make it more detailed and more accurate, so that it still answers the question. Reply "
        "with the improved answer and nothing else."
    )
