"""Improve questions by a language model."""

from __future__ import annotations

from typing import ClassVar

from dj_assets.operators.kinds.optimized_dialog import ONE_TEXT, QUERY, OptimizedDialog
from dj_assets.operators.registry import register


@register("optimize_query_mapper")
class OptimizeQueryMapper(OptimizedDialog):
    """Let a language model improve the field `query`, given `response`.

    The answer replaces the field. A sample whose call failed keeps it, and a sample without question and answer is not
    asked about. In the templates, `{}` stands for the pair, or for question and answer in turn. The groups of
    `output_pattern` are the new texts.
    """

    improved: ClassVar[tuple[str, ...]] = (QUERY,)
    form: ClassVar[str] = ONE_TEXT
    task: ClassVar[str] = (
        "Improve the question: make it more specific and more detailed, so that the answer still answers it. Reply "
        "with the improved question and nothing else."
    )
