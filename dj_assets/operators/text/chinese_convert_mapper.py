"""Convert between simplified Chinese, traditional Chinese and Japanese characters."""

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

    `mode` names source and target: `s` simplified, `t` traditional, `tw` Taiwan, `hk` Hong Kong, `jp` Japanese kanji;
    with `p`, idioms are converted, too. In modes that convert in two steps OpenCC truncates pieces of text at a NUL.
    Remove control characters before (`fix_unicode_mapper` does).
    """

    mode: Mode = "s2t"

    def apply(self, batch: Batch) -> Batch:
        """Return the batch with its Chinese converted."""
        converter = load.opencc(self.mode)
        return rewrite(batch, pc.match_substring_regex(batch.text, r"[^\x01-\x7f]"), converter.convert)
