"""Filter texts by repeated character n-grams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import PositiveInt

from dj_assets.operators.base import RangeFilter, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.registry import register


@register("character_repetition_filter")
class CharacterRepetitionFilter(RangeFilter):
    """Keep texts whose character repetition is between two bounds.

    The statistic is the share of the k most frequent among all overlapping n-grams of `rep_len` characters, with k =
    min(floor(sqrt(distinct n-grams)), n-grams that repeat). It follows the cleaning of the BLOOM corpus (Laurençon et
    al. 2022). A text shorter than `rep_len` has 0.0.
    """

    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("char_rep_ratio", pa.float64(), "share of n-grams"),)

    rep_len: PositiveInt = 10
    min_ratio: float = 0.0
    max_ratio: float = 0.5

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the share of the most frequent character n-grams of every text."""
        from dj_assets.kernels.arrays import buffers
        from dj_assets.kernels.ngrams import character_repetition

        return {"char_rep_ratio": pa.array(character_repetition(*buffers(batch.text), self.rep_len))}
