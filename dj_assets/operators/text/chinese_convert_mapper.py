"""Simplified and traditional Chinese, and Japanese characters."""

from __future__ import annotations

from typing import Literal

import pyarrow.compute as pc

from dj_assets.models import load
from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.substitution import rewrite
from dj_assets.operators.registry import register

Mode = Literal[
    "s2t", "t2s", "s2tw", "tw2s", "s2hk", "hk2s", "s2twp", "tw2sp", "t2tw", "tw2t", "hk2t", "t2hk", "t2jp", "jp2t"
]


@register("chinese_convert_mapper")
class ChineseConvertMapper(Mapper):
    """Convert between the scripts of Chinese with OpenCC.

    `mode` says from what to what: `s` simplified, `t` traditional, `tw` of Taiwan, `hk` of Hong Kong, `jp` Japanese
    kanji; `p` converts idioms too. Where a mode converts in two steps OpenCC cuts pieces of text off at a NUL; remove
    control characters before (`fix_unicode_mapper` does).
    """

    mode: Mode = "s2t"

    def apply(self, batch: Batch) -> Batch:
        """Return the batch with its Chinese converted."""
        converter = load.opencc(self.mode)
        return rewrite(batch, pc.match_substring_regex(batch.text, r"[^\x01-\x7f]"), converter.convert)
