"""Normalise Unicode punctuation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.character_table import replace_by_table
from dj_assets.operators.registry import register

if TYPE_CHECKING:
    from dj_assets.kernels.replacements import Replacements

# The fullwidth digit one becomes a quote. This comes from the BLOOM cleaning, and recipes rely on it.
PUNCTUATION: Mapping[str, str] = (
    {"，": ",", "。": ".", "、": ",", "；": ";", "∶": ":", "：": ":", "？": "?", "！": "!", "％": "%", "～": "~"}
    | dict.fromkeys("„“”«»１「」《》", '"')
    | dict.fromkeys("´’", "'")
    | dict.fromkeys("━–►", "-")
    | {"（": "(", "）": ")", "【": "[", "】": "]", "〈": "<", "〉": ">"}
    | {"—": " - ", "．": ". ", "…": "..."}
)


@register("punctuation_normalization_mapper")
class PunctuationNormalizationMapper(Mapper):
    """Replace Unicode punctuation by similar ASCII characters, one character at a time."""

    def apply(self, batch: Batch) -> Batch:
        """Return the batch with its punctuation replaced."""
        return replace_by_table(batch, _table())


@cache
def _table() -> Replacements:
    from dj_assets.kernels.replacements import replacements

    return replacements(PUNCTUATION)
