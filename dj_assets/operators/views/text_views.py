"""Derive views that several text operators share: counted characters, words, pieces. Each is computed once a batch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.models import load
from dj_assets.operators.batch import Batch
from dj_assets.operators.views.sentence_pieces import coded, sentence_pieces, vocabulary

# The tokenizer whose tokens recipes count.
PYTHIA = "EleutherAI/pythia-6.9b-deduped"

Codes = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class CharacterCounts:
    """Hold counts for every text, in code points; each of shape `(len(batch),)`."""

    length: Counts
    alnums: Counts
    alphas: Counts
    specials: Counts
    lines: Counts
    longest_line: Counts


@dataclass(frozen=True)
class Words:
    """Hold the words of every text: sample `i` has `vocabulary[codes[offsets[i]:offsets[i + 1]]]`.

    Entries of `vocabulary` are distinct.
    """

    codes: Codes
    offsets: Counts
    vocabulary: pa.StringArray

    @property
    def counts(self) -> Counts:
        """Return the number of words of every text."""
        return np.diff(self.offsets)

    def count_where(self, chosen: npt.NDArray[np.bool_]) -> Counts:
        """Return the number of chosen words of every text; `chosen` has one flag for each word."""
        before = np.concatenate(([0], np.cumsum(chosen, dtype=np.int64)))
        return np.diff(before[self.offsets])


def ratio(part: np.ndarray, whole: np.ndarray) -> pa.Array:
    """Return `part / whole` as doubles, 0.0 if the whole is 0."""
    return pa.array(np.divide(part, whole, out=np.zeros(len(whole)), where=whole != 0))


def characters(batch: Batch) -> CharacterCounts:
    """Return the counted characters and lines of every text."""

    def compute() -> CharacterCounts:
        """Count the characters of the whole batch."""
        from dj_assets.kernels.arrays import buffers
        from dj_assets.kernels.code_points import code_point_flags, count_characters

        return CharacterCounts(*count_characters(*buffers(batch.text), code_point_flags()).T.copy())

    return batch.derive("characters", compute)


def lowered(batch: Batch) -> pa.StringArray:
    """Return every text in lower case, as `str.lower` makes it."""

    def compute() -> pa.StringArray:
        """Lower the texts of the whole batch."""
        from dj_assets.kernels.arrays import buffers, strings
        from dj_assets.kernels.lower_case import lower_case, lower_points

        data, offsets = buffers(batch.text)
        lower, asked = lower_case(data, offsets, lower_points())
        texts = strings(lower, offsets.astype(np.int64) - offsets[0])
        if not asked.any():
            return texts
        mask = pa.array(asked)
        answers = pa.array([text.lower() for text in batch.text.filter(mask).to_pylist()], pa.string())
        return pc.replace_with_mask(texts, mask, answers)

    return batch.derive("lower case", compute)


def words(batch: Batch, lang: str, *, tokenization: bool) -> Words:
    """Return the words of every text: split at spaces, line feeds and tabs, or the pieces of a SentencePiece model."""
    return pieces(batch, lang) if tokenization else batch.derive("words", lambda: _split(batch.text))


def refined_words(batch: Batch, lang: str, *, tokenization: bool, lowercase: bool) -> Words:
    """Return the words without special characters at their ends; empty words are removed."""
    key = ("refined words", lang if tokenization else None, lowercase)
    return batch.derive(key, lambda: _refine(words(batch, lang, tokenization=tokenization), lowercase=lowercase))


def stripped(vocabulary: pa.StringArray) -> pa.StringArray:
    """Return words without special characters at their ends."""
    from dj_assets.kernels.arrays import buffers, strings
    from dj_assets.kernels.code_points import SPECIAL, code_point_flags
    from dj_assets.kernels.replacements import gather, strip

    data, offsets = buffers(vocabulary)
    return strings(*gather(data, *strip(data, offsets, code_point_flags(), SPECIAL)))


def pieces(batch: Batch, lang: str) -> Words:
    """Return the SentencePiece pieces of every text; an unknown piece is represented by its surface."""
    return pieces_of(batch, sentencepiece_model(lang))


def pieces_of(batch: Batch, model: str) -> Words:
    """Return the pieces of every text by the SentencePiece model of that name."""
    path = batch.models.find(model).path
    return batch.derive(("pieces", path), lambda: _pieces(batch, path))


def tokens(batch: Batch, tokenizer: str) -> Counts:
    """Return the number of tokens of every text by a Hugging Face tokenizer, without special tokens."""

    def compute() -> Counts:
        """Tokenize the texts of the whole batch."""
        loaded = load.tokenizer(batch.models.find(tokenizer).path)
        encodings = loaded.encode_batch_fast(batch.text.to_pylist(), add_special_tokens=False)
        return np.fromiter((len(encoding) for encoding in encodings), np.int64, len(encodings))

    return batch.derive(("tokens", tokenizer), compute)


def sentencepiece_model(lang: str) -> str:
    """Return the name of the SentencePiece model of a language."""
    return f"{lang}.sp.model"


def _split(text: pa.StringArray) -> Words:
    from dj_assets.kernels.arrays import buffers, strings
    from dj_assets.kernels.words import split_words

    data, ends, offsets = split_words(*buffers(text))
    return _encoded(strings(data, ends), offsets)


def _encoded(flat: pa.StringArray, offsets: Counts) -> Words:
    encoded = flat.dictionary_encode()
    return Words(encoded.indices.to_numpy(zero_copy_only=False), offsets, encoded.dictionary)


def _refine(given: Words, *, lowercase: bool) -> Words:
    """Refine the distinct words, then map every word to its refined form."""
    from dj_assets.kernels.words import rename_words

    vocabulary = given.vocabulary
    if lowercase:
        vocabulary = pa.array([word.lower() for word in vocabulary.to_pylist()], pa.string())
    vocabulary = stripped(vocabulary)
    bare = vocabulary.dictionary_encode()
    names = bare.indices.to_numpy(zero_copy_only=False).copy()
    names[pc.equal(vocabulary, "").to_numpy(zero_copy_only=False)] = -1
    codes, offsets = rename_words(given.codes, given.offsets, names)
    return replace(given, codes=codes, offsets=offsets, vocabulary=bare.dictionary)


def _pieces(batch: Batch, path: Path) -> Words:
    pieces_known, pieces = vocabulary(path), sentence_pieces(batch, path)
    codes, strings = coded(pieces, pieces_known)
    return Words(codes, pieces.rows, strings)
