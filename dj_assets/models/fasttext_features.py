"""The rows of a fastText model that a text uses: its words, pairs of neighbouring words, and character n-grams.

Words, hashes and n-grams are those of fastText 0.9.x, so that a model learned on these rows is the one that the library
computes (Joulin et al. 2016, Bojanowski et al. 2017).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from dj_assets.models.fasttext_file import END_OF_SENTENCE, LABEL_PREFIX

Int64s = npt.NDArray[np.int64]

_BASIS, _PRIME, _PAIR_PRIME = 2166136261, 16777619, 116049371
_32_BITS, _64_BITS = (1 << 32) - 1, (1 << 64) - 1
_SPACE = re.compile("[ \n\r\t\v\f\0]+")
_END = END_OF_SENTENCE.decode()


@dataclass(frozen=True)
class TextFeatures:
    """Number the features of texts. Row `i` is word `i`; pairs and n-grams share `buckets` rows after the words.

    Examples
    --------
    >>> features = TextFeatures(("</s>", "good"), buckets=100, shortest_ngram=0, longest_ngram=0)
    >>> features.rows("good").tolist()
    [1, 83, 0]
    """

    words: tuple[str, ...]
    buckets: int = 1 << 18
    shortest_ngram: int = 2
    longest_ngram: int = 4
    _known: dict[str, tuple[Int64s, int]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, texts: Iterable[str], most: int = 200_000) -> TextFeatures:
        """Return features with the words that at least two texts have, the most frequent first."""
        counts = Counter(word for text in texts for word in set(_words(text)))
        frequent = sorted((word for word, count in counts.items() if count > 1), key=lambda w: (-counts[w], w))
        return cls((_END, *[word for word in frequent if word != _END][:most]))

    @property
    def height(self) -> int:
        """Return the number of rows."""
        return len(self.words) + self.buckets

    def rows(self, text: str) -> Int64s:
        """Return the rows of a text, whose mean fastText computes; a row that counts twice is there twice."""
        parts: list[Int64s] = []
        hashes: list[int] = []
        for word in _words(text):
            rows, code = self._rows_of(word)
            parts.append(rows)
            hashes.append(code)
        parts.append(self._rows_of(_END)[0])
        hashes.append(self._rows_of(_END)[1])
        pairs = [(first * _PAIR_PRIME + second & _64_BITS) % self.buckets for first, second in pairwise(hashes)]
        return np.concatenate([*parts, len(self.words) + np.array(pairs, np.int64)])

    @cached_property
    def _number(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words)}

    def _rows_of(self, word: str) -> tuple[Int64s, int]:
        """Return the rows of a word, and its hash as a signed number, both remembered."""
        known = self._known.get(word)
        if known is None:
            number = self._number.get(word)
            own = [] if number is None else [number]
            ngrams = [] if word == _END else [len(self.words) + bucket for bucket in self._ngrams(word)]
            code = _hash(word.encode())
            signed = code - (1 << 32) if code >> 31 else code
            known = self._known[word] = np.array([*own, *ngrams], np.int64), signed & _64_BITS
        return known

    def _ngrams(self, word: str) -> Iterator[int]:
        """Yield the bucket of every n-gram of a word in angle brackets; a bracket alone is none."""
        letters = [letter.encode() for letter in f"<{word}>"]
        for start in range(len(letters)):
            code = _BASIS
            for length, letter in enumerate(letters[start : start + self.longest_ngram], 1):
                code = _hash(letter, code)
                alone = length == 1 and start in {0, len(letters) - 1}
                if length >= self.shortest_ngram and not alone:
                    yield code % self.buckets


def _words(text: str) -> Iterator[str]:
    """Yield the words of a text, up to a written-out end of a sentence; a label is no word."""
    for word in _SPACE.split(text):
        if word == _END:
            return
        if word and not word.startswith(LABEL_PREFIX):
            yield word


def _hash(letters: bytes, code: int = _BASIS) -> int:
    """Return fastText's FNV-1a hash, which takes a byte for a signed number."""
    for letter in letters:
        code = ((code ^ (letter if letter < 128 else letter | 0xFFFFFF00)) * _PRIME) & _32_BITS
    return code
