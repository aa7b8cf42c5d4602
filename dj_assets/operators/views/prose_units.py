"""Words, sentences and repeated units of texts, as the filter sets of web corpora count them."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Literal

from dj_assets.operators.batch import Batch

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

Tokenization = Literal["pattern", "spacy"]

# URLs, numbers with their separators, words with inner apostrophes and dots, and runs of one sign.
_WORD = re.compile(r"https?://\S+|www\.\S+|\d+(?:[.,]\d+)*\w*|\w+(?:['’.]\w+)*|([^\w\s])\1*")
_END = re.compile(r"[.!?]+[\"'”’»)\]]*(?=\s|$)|[。！？]+")


def prose_words(batch: Batch, tokenization: Tokenization, lang: str) -> list[list[str]]:
    """Return the words and signs of every text: by a pattern, or by the tokenizer of spaCy for a language."""

    def compute() -> list[list[str]]:
        """Split the texts of the whole batch."""
        if tokenization == "pattern":
            return [[word[0] for word in _WORD.finditer(text)] for text in batch.text.to_pylist()]
        return [_without_blanks([token.text for token in _pipeline(lang, text)]) for text in batch.text.to_pylist()]

    return batch.derive(("prose words", tokenization, lang), compute)


def sentence_count(text: str, tokenization: Tokenization, lang: str) -> int:
    """Return the number of sentences of a text: by marks at their ends, or by the sentencizer of spaCy."""
    if tokenization == "pattern":
        return sum(1 for sentence in _END.split(text) if any(map(str.isalnum, sentence)))
    return len(_without_blanks([sentence.text for sentence in _pipeline(lang, text).sents]))


def is_symbol(word: str) -> bool:
    """Return whether a word consists of punctuation, ASCII symbols and control characters alone."""
    return all(map(_is_sign, word))


def repeated(units: Sequence[str]) -> tuple[int, int]:
    """Return the number of units that occurred earlier in the sequence, and the number of their characters."""
    seen: set[str] = set()
    count = characters = 0
    for unit in units:
        if unit in seen:
            count += 1
            characters += len(unit)
        seen.add(unit)
    return count, characters


def most_frequent_ngram(words: Sequence[str], size: int) -> int:
    """Return the characters that the most frequent n-gram takes, joined by spaces; of equally frequent ones the first.

    It is 0 for fewer words than `size`.
    """
    ngrams = Counter(zip(*(words[k:] for k in range(size)), strict=False))
    if not ngrams:
        return 0
    ngram, count = ngrams.most_common(1)[0]
    return (sum(map(len, ngram)) + size - 1) * count


def repeated_ngrams(words: Sequence[str], size: int) -> int:
    """Return the number of characters in n-grams that occurred before; a repeated n-gram is passed as a whole."""
    seen: set[str] = set()
    characters = index = 0
    while index <= len(words) - size:
        ngram = "".join(words[index : index + size])
        if ngram in seen:
            characters += len(ngram)
            index += size
        else:
            seen.add(ngram)
            index += 1
    return characters


@cache
def _is_sign(character: str) -> bool:
    if character.isascii():
        return not character.isalnum() and character != " "
    return unicodedata.category(character)[0] in "PC"


def _without_blanks(words: list[str]) -> list[str]:
    return [stripped for word in words if (stripped := word.strip())]


def _pipeline(lang: str, text: str) -> Doc:
    pipeline = _blank(lang)
    pipeline.max_length = len(text) + 10
    return pipeline(text)


@cache
def _blank(lang: str) -> Language:
    import spacy

    pipeline = spacy.blank(lang)
    pipeline.add_pipe("sentencizer")
    return pipeline
