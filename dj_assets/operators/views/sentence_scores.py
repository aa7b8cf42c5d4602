"""Score sentences of pieces by a kernel with the results of KenLM, and other kinds of model files by KenLM itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dj_assets import settings
from dj_assets.models import load
from dj_assets.models.kenlm_file import KenlmFile, UnreadableModelError, read_kenlm
from dj_assets.operators.views.sentence_pieces import SentencePieces, coded, vocabulary

if TYPE_CHECKING:
    from dj_assets.kernels.ngram_trie import Transitions

Words = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]


def sentence_scores(model: Path, pieces: Path, sentence_pieces: SentencePieces) -> list[tuple[float, int]]:
    """Return the log10 probability of every text as one sentence of pieces, and its number of words, end included.

    An empty text has no words, not even an end. A text with white space inside a piece is split again into lines and
    words.
    """
    codes, strings = coded(sentence_pieces, vocabulary(pieces))
    counts = np.diff(sentence_pieces.rows)
    again = _rows_with(_split_again(pieces, strings), codes, sentence_pieces.rows)
    scores = np.zeros(len(counts))
    sentence_score: Callable[[str], float]
    try:
        scorer = None if settings.plain_kernels() else _scorer(model, pieces)
    except UnreadableModelError:
        scorer = None
    if scorer:
        sentence_score = scorer.sentence_score
        scores[:] = scorer.scores(codes, strings, sentence_pieces.rows)
    else:
        sentence_score = load.kenlm(model).score
        again[:] = True
    lengths = np.where(counts, counts + 1, 0)
    scored = list(zip(scores.tolist(), lengths.tolist(), strict=True))
    for row in np.flatnonzero(again & (counts > 0)).tolist():
        words = strings.take(pa.array(codes[sentence_pieces.rows[row] : sentence_pieces.rows[row + 1]])).to_pylist()
        scored[row] = _by_lines(sentence_score, " ".join(words), len(words))
    return scored


def _rows_with(chosen: Flags, codes: Words, rows: npt.NDArray[np.int64]) -> Flags:
    """Return a flag for each row that has a chosen code."""
    from dj_assets.kernels.words import count_words

    return count_words(codes, rows, chosen) > 0 if chosen.any() else np.zeros(len(rows) - 1, bool)


def _by_lines(sentence_score: Callable[[str], float], text: str, words: int) -> tuple[float, int]:
    lines = text.splitlines()
    if len(lines) <= 1 and len(text.split()) == words:
        return sentence_score(text), words + 1
    return sum(map(sentence_score, lines), 0.0), sum(len(line.split()) + 1 for line in lines)


@dataclass(frozen=True)
class _Scorer:
    """Hold a model for kernels.

    `words` are the model's numbers of the pieces, `around` those of the begin and the end of a sentence, `levels` the
    table of the trie's levels, `memo` a cache of transitions.
    """

    trie: KenlmFile
    words: Words
    around: tuple[int, int]
    levels: npt.NDArray[np.uint64]
    memo: Transitions

    def scores(self, codes: Words, strings: pa.StringArray, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return the log10 probability of every row of codes; `strings` begin with the pieces."""
        from dj_assets.kernels.ngram_trie import score_sentences

        trie = self.trie
        words = np.concatenate((self.words, _words(trie, strings[len(self.words) :])))[codes]
        known = (trie.bits, trie.weights, trie.extensions, self.levels, self.memo)
        return score_sentences(*known, words, rows, self.around)

    def sentence_score(self, text: str) -> float:
        """Return the log10 probability of a text as KenLM splits it: at ASCII white space, up to the first NUL."""
        from dj_assets.kernels.ngram_trie import score_sentences

        trie = self.trie
        split = pa.array(text.encode().partition(b"\0")[0].split(), pa.binary())
        words, rows = _words(trie, split.cast(pa.string())), np.array([0, len(split)], np.int64)
        known = (trie.bits, trie.weights, trie.extensions, self.levels, self.memo)
        return float(score_sentences(*known, words, rows, self.around)[0])


@cache
def _scorer(model: Path, pieces: Path) -> _Scorer:
    from dj_assets.kernels.ngram_trie import new_transitions

    trie = read_kenlm(model)
    begin, end = _words(trie, pa.array(["<s>", "</s>"])).tolist()
    levels = [(level.start, level.entry_bits, level.word_bits, level.next_bits) for level in trie.levels]
    return _Scorer(
        trie, _words(trie, vocabulary(pieces).pieces), (begin, end), np.array(levels, np.uint64), new_transitions()
    )


def _words(trie: KenlmFile, strings: pa.StringArray) -> Words:
    """Return the numbers of words in the model, 0 for unknown words."""
    from dj_assets.kernels.arrays import buffers
    from dj_assets.kernels.ngram_trie import word_hashes

    hashes = word_hashes(*buffers(strings))
    indices = np.minimum(np.searchsorted(trie.hashes, hashes), len(trie.hashes) - 1)
    return np.where(trie.hashes[indices] == hashes, indices + 1, 0).astype(np.int32)


def _split_again(pieces: Path, strings: pa.StringArray) -> Flags:
    """Return a flag for each string that KenLM may not take for one word, so that its text is split again.

    Such strings contain white space, or NUL, which ends a sentence.
    """
    known = _unclear_pieces(pieces)
    return np.concatenate((known, _unclear(strings[len(known) :])))


@cache
def _unclear_pieces(pieces: Path) -> Flags:
    return _unclear(vocabulary(pieces).pieces)


def _unclear(strings: pa.StringArray) -> Flags:
    return np.array(["".join(text.replace("\0", " ").split()) != text for text in strings.to_pylist()], bool)
