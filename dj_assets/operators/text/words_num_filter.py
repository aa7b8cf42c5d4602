"""Filter texts by their number of words."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.base import Limit, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.word_filter import WordFilter
from dj_assets.operators.registry import register


@register("words_num_filter")
class WordsNumFilter(WordFilter):
    """Keep texts whose number of words is between two bounds. Words of special characters only do not count."""

    bounds = ("min_num", "max_num")
    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("num_words", pa.int64(), "words"),)

    min_num: Limit = 10
    max_num: Limit = sys.maxsize

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the number of words of every text."""
        return {"num_words": pa.array(self.words(batch, lowercase=False).counts)}
