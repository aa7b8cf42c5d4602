"""Remove words that are remains of links."""

from __future__ import annotations

from functools import reduce

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.word_removal import Wanted, keep_words
from dj_assets.operators.registry import register
from dj_assets.operators.views.text_views import Words, pieces, sentencepiece_model, stripped

SUBSTRINGS = ("http", "www", ".com", "href", "//")


@register("remove_words_with_incorrect_substrings_mapper")
class RemoveWordsWithIncorrectSubstringsMapper(Mapper):
    """Remove words that contain one of `substrings`, special characters at the ends of the word aside.

    The remaining words are joined again: runs of spaces, empty lines and white space at the ends of lines are removed,
    even if no word is. With `tokenization` the pieces of the language's SentencePiece model are judged instead of
    words: a text with nothing to remove is left unchanged, else its remaining pieces are joined without spaces, as in
    Data-Juicer.
    """

    lang: str = "en"
    tokenization: bool = False
    substrings: tuple[str, ...] | None = None

    def models(self) -> tuple[str, ...]:
        """Return the SentencePiece model if pieces are used."""
        return (sentencepiece_model(self.lang),) if self.tokenization else ()

    def apply(self, batch: Batch) -> Batch:
        """Return the batch without the words."""
        if not self.tokenization:
            return keep_words(batch, self._correct)
        return _keep_pieces(batch, self._correct, pieces(batch, self.lang))

    def _correct(self, vocabulary: pa.StringArray) -> npt.NDArray[np.bool_]:
        bare = stripped(vocabulary)
        substrings = SUBSTRINGS if self.substrings is None else self.substrings
        matches = [pc.match_substring(bare, part).to_numpy(zero_copy_only=False) for part in substrings]
        return ~reduce(np.logical_or, matches, np.zeros(len(bare), bool))


def _keep_pieces(batch: Batch, wanted: Wanted, split: Words) -> Batch:
    """Return the batch with the wanted pieces only. If a text loses a piece, the others lose their space mark."""
    bare = pc.replace_substring(split.vocabulary, "▁", "")
    kept = wanted(bare)[split.codes]
    gone = split.counts > split.count_where(kept)
    if not gone.any():
        return batch
    codes, offsets = split.codes[kept], np.concatenate(([0], np.cumsum(split.count_where(kept))))
    joined = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), bare.take(pa.array(codes))), "")
    return batch.with_text(pc.if_else(pa.array(gone), joined, batch.text))
