"""Remove words by their length."""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.operators.base import Limit, Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.word_removal import keep_words
from dj_assets.operators.registry import register
from dj_assets.operators.views.text_views import stripped


@register("remove_long_words_mapper")
class RemoveLongWordsMapper(Mapper):
    """Remove words shorter than `min_len` or longer than `max_len` characters.

    A longer word stays whole if it fits without the special characters at its ends. The remaining words are joined
    again: runs of spaces, empty lines and white space at the ends of lines are removed, even if no word is.
    """

    min_len: Limit = 1
    max_len: Limit = sys.maxsize

    def apply(self, batch: Batch) -> Batch:
        """Return the batch without the words."""

        def wanted(vocabulary: pa.StringArray) -> npt.NDArray[np.bool_]:
            length, bare = (pc.utf8_length(words).to_numpy() for words in (vocabulary, stripped(vocabulary)))
            fits = (length >= self.min_len) & (length <= self.max_len)
            fits |= (length > self.max_len) & (bare >= self.min_len) & (bare <= self.max_len)
            kept: npt.NDArray[np.bool_] = fits
            return kept

        return keep_words(batch, wanted)
