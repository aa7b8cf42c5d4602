"""Filter texts by their share of flagged words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.models import wordlists
from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.listed_words import ListedWordsFilter
from dj_assets.operators.registry import register


@register("flagged_words_filter")
class FlaggedWordsFilter(ListedWordsFilter):
    """Keep texts whose share of flagged words is between two bounds. A text without words has 0.0.

    `flagged_words_dir` is the shipped list `ldnoobw` (27 languages) or a folder with `*flagged_words*.json` files.
    """

    list_kind: ClassVar[wordlists.Kind] = "flagged_words"
    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("flagged_words_ratio", pa.float64(), "share of words"),)

    min_ratio: float = 0.0
    max_ratio: float = 0.045
    flagged_words_dir: str = "ldnoobw"

    @property
    def list_source(self) -> str:
        """Return the name or the folder of the list of flagged words."""
        return self.flagged_words_dir

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the share of flagged words of every text."""
        return {"flagged_words_ratio": self.listed_share(batch)}
