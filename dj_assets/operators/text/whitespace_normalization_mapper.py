"""Normalise Unicode white space."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.character_table import replace_by_table
from dj_assets.operators.registry import register

if TYPE_CHECKING:
    from dj_assets.kernels.replacements import Replacements

# Horizontal and invisible white space; line breaks are left unchanged.
WHITE_SPACE = "\t \x84\xa0" + "".join(map(chr, range(0x2000, 0x200E))) + "\u202f\u205f\u2060\u3000\ufffc"


@register("whitespace_normalization_mapper")
class WhitespaceNormalizationMapper(Mapper):
    """Remove white space at the ends and replace every other kind of it by a space, without merging runs.

    Line breaks stay. The joiner U+200D becomes a space, too, which separates joined emoji.
    """

    def apply(self, batch: Batch) -> Batch:
        """Return the batch with its white space replaced."""
        return replace_by_table(batch, _table(), stripped=True)


@cache
def _table() -> Replacements:
    from dj_assets.kernels.replacements import replacements

    return replacements(dict.fromkeys(WHITE_SPACE.replace(" ", ""), " "))
