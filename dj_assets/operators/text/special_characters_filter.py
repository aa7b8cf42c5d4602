"""Filter texts by their share of punctuation, digits, white space and other special characters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.base import RangeFilter, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.registry import register
from dj_assets.operators.views.text_views import characters, ratio


@register("special_characters_filter")
class SpecialCharactersFilter(RangeFilter):
    """Keep texts whose share of special characters is between two bounds.

    Special characters are punctuation, digits, white space, emoji and some letters of the list
    (`kernels.special_characters`), following the cleaning of the BLOOM corpus (Laurençon et al. 2022). An empty text
    has 0.0.
    """

    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("special_char_ratio", pa.float64(), "share of characters"),
    )

    min_ratio: float = 0.0
    max_ratio: float = 0.25

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the share of special characters of every text."""
        counts = characters(batch)
        return {"special_char_ratio": ratio(counts.specials, counts.length)}
