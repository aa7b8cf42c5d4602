"""Improve questions and answers by a language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.kinds.optimized_dialog import QUERY, RESPONSE, OptimizedDialog, dialog_fields
from dj_assets.operators.registry import register


@register("optimize_qa_mapper")
class OptimizeQaMapper(OptimizedDialog):
    """Let a language model improve the fields `query` and `response`.

    The answer replaces the fields. A sample whose call failed keeps them, and a sample without question and answer is
    not asked about. In the templates, `{}` stands for the pair, or for question and answer in turn. The groups of
    `output_pattern` are the new texts.
    """

    fields: ClassVar[Mapping[str, pa.DataType]] = dialog_fields(QUERY, RESPONSE)
    improved: ClassVar[tuple[str, ...]] = (
        QUERY,
        RESPONSE,
    )
    task: ClassVar[str] = (
        "Improve the question and the answer: make both more detailed and more accurate. Reply in this form and with "
        "nothing else:\n[Question]\nthe improved question\n[Answer]\nthe improved answer"
    )
