"""Improve answers by a language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.kinds.optimized_dialog import ONE_TEXT, RESPONSE, OptimizedDialog, dialog_fields
from dj_assets.operators.registry import register


@register("optimize_response_mapper")
class OptimizeResponseMapper(OptimizedDialog):
    """Let a language model improve the field `response`, given `query`.

    The answer replaces the field. A sample whose call failed keeps it, and a sample without question and answer is not
    asked about. In the templates, `{}` stands for the pair, or for question and answer in turn. The groups of
    `output_pattern` are the new texts.
    """

    fields: ClassVar[Mapping[str, pa.DataType]] = dialog_fields(RESPONSE)
    improved: ClassVar[tuple[str, ...]] = (RESPONSE,)
    form: ClassVar[str] = ONE_TEXT
    task: ClassVar[str] = (
        "Improve the answer: make it more detailed and more accurate, so that it still answers the question. Reply "
        "with the improved answer and nothing else."
    )
