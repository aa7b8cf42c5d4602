"""Filter texts by their share of stop words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.models import wordlists
from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.listed_words import ListedWordsFilter
from dj_assets.operators.registry import register


@register("stopwords_filter")
class StopwordsFilter(ListedWordsFilter):
    """Keep texts whose share of stop words is between two bounds. A text without words has 0.0.

    `stopwords_dir` is the shipped list `stopwordsiso` (58 languages) or a folder with `*stopwords*.json` files.
    """

    list_kind: ClassVar[wordlists.Kind] = "stopwords"
    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("stopwords_ratio", pa.float64(), "share of words"),)

    min_ratio: float = 0.3
    max_ratio: float = 1.0
    stopwords_dir: str = "stopwordsiso"

    @property
    def list_source(self) -> str:
        """Return the name or the folder of the list of stop words."""
        return self.stopwords_dir

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the share of stop words of every text."""
        return {"stopwords_ratio": self.listed_share(batch)}
