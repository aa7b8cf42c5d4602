"""Remove all characters but Chinese ones."""

from __future__ import annotations

import string
from functools import cache
from typing import TYPE_CHECKING

from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.character_table import replace_by_table
from dj_assets.operators.registry import register

if TYPE_CHECKING:
    from dj_assets.kernels.replacements import Replacements

CHINESE = "".join(map(chr, range(0x4E00, 0x9FA6)))
PUNCTUATION = "., ，-。%《*》/•、&＆(—)（+）：？!！“”·"


@register("remove_non_chinese_character_mapper")
class RemoveNonChineseCharacterMapper(Mapper):
    """Delete all characters, including line feeds, but the Chinese ones from U+4E00 to U+9FA5.

    Letters A to Z in both cases, digits and some punctuation stay, unless `keep_alphabet`, `keep_number` or `keep_punc`
    is false.
    """

    keep_alphabet: bool = True
    keep_number: bool = True
    keep_punc: bool = True

    def apply(self, batch: Batch) -> Batch:
        """Return the batch with the characters that are kept."""
        letters = string.ascii_letters if self.keep_alphabet else ""
        digits = string.digits if self.keep_number else ""
        return replace_by_table(batch, _table(letters + digits + (PUNCTUATION if self.keep_punc else "")))


@cache
def _table(kept: str) -> Replacements:
    from dj_assets.kernels.replacements import all_deleted_but

    return all_deleted_but(CHINESE + kept)
