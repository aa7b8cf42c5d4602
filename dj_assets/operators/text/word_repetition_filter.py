"""Filter texts by repeated word n-grams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import PositiveInt

from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.word_filter import WordFilter
from dj_assets.operators.registry import register


@register("word_repetition_filter")
class WordRepetitionFilter(WordFilter):
    """Keep texts whose word repetition is between two bounds.

    The statistic is the share of n-grams that occur more than once among all overlapping n-grams of `rep_len`
    lower-cased words. It follows the cleaning of the BLOOM corpus (Laurençon et al. 2022). A text with fewer words has
    0.0.
    """

    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("word_rep_ratio", pa.float64(), "share of n-grams"),)

    rep_len: PositiveInt = 10
    min_ratio: float = 0.0
    max_ratio: float = 0.5

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the share of repeated word n-grams of every text."""
        from dj_assets.kernels.ngrams import word_repetition

        words = self.words(batch, lowercase=True)
        return {"word_rep_ratio": pa.array(word_repetition(words.codes, words.offsets, self.rep_len))}
