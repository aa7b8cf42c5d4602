"""Measure the share of the words of a text that are in a word list, for several filters."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import PositiveInt, model_validator

from dj_assets.errors import UserError
from dj_assets.models import wordlists
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.word_filter import WordFilter
from dj_assets.operators.views.text_views import Counts, Words, ratio


class ListedWordsFilter(WordFilter):
    """Filter by the share of words that are in the list of a language. Words are compared with the list unchanged.

    With `use_words_aug`, runs of adjacent words count as additional words. `words_aug_group_sizes` gives the numbers of
    words in a run, `words_aug_join_char` joins them.
    """

    list_kind: ClassVar[wordlists.Kind]

    use_words_aug: bool = False
    words_aug_group_sizes: tuple[PositiveInt, ...] = (2,)
    words_aug_join_char: str = ""

    @property
    @abstractmethod
    def list_source(self) -> str:
        """Return the name or the folder of the word list."""

    @property
    def listed(self) -> frozenset[str]:
        """Return the words of the list."""
        return wordlists.words(self.list_kind, self.list_source, self.lang)

    @model_validator(mode="after")
    def _list_has_the_language(self) -> Self:
        try:
            _ = self.listed
        except UserError as error:
            raise ValueError(str(error)) from error
        return self

    def measuring_parameters(self) -> dict[str, object]:
        """Return the parameters, with the checksum of the word list in place of its path."""
        checksum = wordlists.checksum(self.list_kind, self.list_source, self.lang)
        return {**super().measuring_parameters(), f"{self.list_kind}_dir": f"sha256:{checksum}"}

    def listed_share(self, batch: Batch) -> pa.Array:
        """Return the share of listed words of every text, at most 1.0; 0.0 for a text without words."""
        from dj_assets.kernels.words import count_words

        words = self.words(batch, lowercase=True)
        listed = pa.array(sorted(self.listed), pa.string())
        hits, total = count_words(words.codes, words.offsets, _flags(words.vocabulary, listed)), words.counts
        for size in self.words_aug_group_sizes if self.use_words_aug else ():
            more_hits, more = _listed_runs(words, size, self.words_aug_join_char, listed)
            hits, total = hits + more_hits, total + more
        return ratio(hits, total)


def _flags(words: pa.StringArray, listed: pa.StringArray) -> npt.NDArray[np.bool_]:
    flags: npt.NDArray[np.bool_] = pc.is_in(words, listed).to_numpy(zero_copy_only=False)
    return flags


def _listed_runs(words: Words, size: int, joint: str, listed: pa.StringArray) -> tuple[Counts, Counts]:
    """Return the number of listed runs of `size` words of every text, and the number of all such runs."""
    runs = np.maximum(words.counts - size + 1, 0)
    chosen = np.zeros(len(words.codes), bool)
    count = len(words.codes) - size + 1
    if count > 0:
        flat = words.vocabulary.take(pa.array(words.codes))
        joined = pc.binary_join_element_wise(*_shifted(flat, size, count), joint)
        # a run is counted at its first word; runs that reach into the next text do not count
        starts = np.arange(count)
        last = np.repeat(words.offsets[1:], words.counts)[:count]
        chosen[:count] = _flags(joined, listed) & (starts + size <= last)
    return words.count_where(chosen), runs


def _shifted(flat: pa.StringArray, size: int, count: int) -> Iterator[pa.StringArray]:
    return (flat.slice(start, count) for start in range(size))
