"""Marks in the text of a sample: words and n-grams that repeat, and flagged words, as the filters count them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dj_assets.kernels.special_characters import SPECIAL_CHARACTERS
from dj_assets.models import wordlists
from dj_assets.operators.text.character_repetition_filter import CharacterRepetitionFilter
from dj_assets.operators.text.flagged_words_filter import FlaggedWordsFilter
from dj_assets.operators.text.word_repetition_filter import WordRepetitionFilter
from dj_assets.recipe.plan import Plan

WORD_GRAM, CHARACTER_GRAM, FLAGGED = "repeated words", "repeated characters", "flagged word"
# Longer texts are marked up to this character.
MOST_CHARACTERS = 100_000
_SPECIAL = "".join(SPECIAL_CHARACTERS)
_WORD = re.compile(r"[^ \n\t]+")


@dataclass(frozen=True)
class Piece:
    """A passage of a text, with the marks that all of it has."""

    text: str
    marks: tuple[str, ...]


Spans = list[tuple[int, int]]


def marked(text: str, plan: Plan) -> list[Piece]:
    """Return a text in passages with their marks.

    Filters of the recipe set the lengths of n-grams and the list of flagged words; where the recipe has no such filter,
    words are marked with the filter's defaults, and repeated characters are not.
    """
    start = text[:MOST_CHARACTERS]
    by_mark = {
        WORD_GRAM: _repeated_words(start, _lengths(plan, WordRepetitionFilter) or [WordRepetitionFilter().rep_len]),
        CHARACTER_GRAM: _repeated_characters(start, _lengths(plan, CharacterRepetitionFilter)),
        FLAGGED: _flagged(start, _flagged_words(plan)),
    }
    return [*_pieces(start, by_mark), *([Piece(text[MOST_CHARACTERS:], ())] if len(text) > MOST_CHARACTERS else [])]


def _lengths(plan: Plan, kind: type[WordRepetitionFilter] | type[CharacterRepetitionFilter]) -> list[int]:
    return [step.operator.rep_len for step in plan.filters if isinstance(step.operator, kind)]


def _flagged_words(plan: Plan) -> frozenset[str]:
    filters = [step.operator for step in plan.filters if isinstance(step.operator, FlaggedWordsFilter)]
    listed = [operator.listed for operator in filters]
    return frozenset().union(*listed) if listed else wordlists.words("flagged_words", "ldnoobw", "en")


def _words(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and lower case of every word, without special characters at its ends."""
    for found in _WORD.finditer(text):
        word = found[0]
        left = len(word) - len(word.lstrip(_SPECIAL))
        stripped = word.strip(_SPECIAL)
        if stripped:
            yield found.start() + left, found.start() + left + len(stripped), stripped.lower()


def _repeated_words(text: str, lengths: Sequence[int]) -> Spans:
    words = list(_words(text))
    spans: Spans = []
    for length in lengths:
        grams = [tuple(word for _, _, word in words[at : at + length]) for at in range(len(words) - length + 1)]
        counts = Counter(grams)
        spans += [(words[at][0], words[at + length - 1][1]) for at, gram in enumerate(grams) if counts[gram] > 1]
    return spans


def _repeated_characters(text: str, lengths: Sequence[int]) -> Spans:
    """Return the n-grams that the filter counts: the k most frequent, of those that repeat."""
    spans: Spans = []
    for length in lengths:
        grams = [text[at : at + length] for at in range(len(text) - length + 1)]
        counts = Counter(grams)
        frequent = [(gram, count) for gram, count in counts.most_common(math.isqrt(len(counts))) if count > 1]
        counted = {gram for gram, _ in frequent}
        spans += [(at, at + length) for at, gram in enumerate(grams) if gram in counted]
    return spans


def _flagged(text: str, listed: frozenset[str]) -> Spans:
    return [(start, end) for start, end, word in _words(text) if word in listed]


def _pieces(text: str, by_mark: dict[str, Spans]) -> list[Piece]:
    """Cut a text wherever a mark begins or ends."""
    changes: dict[int, Counter[str]] = {}
    for mark, spans in by_mark.items():
        for start, end in spans:
            changes.setdefault(start, Counter())[mark] += 1
            changes.setdefault(end, Counter())[mark] -= 1
    pieces: list[Piece] = []
    depth: Counter[str] = Counter()
    last = 0
    for at in [*sorted(changes), len(text)]:
        if at > last:
            own = tuple(mark for mark in by_mark if depth[mark] > 0)
            if pieces and pieces[-1].marks == own:
                pieces[-1] = Piece(pieces[-1].text + text[last:at], own)
            else:
                pieces.append(Piece(text[last:at], own))
        for mark, change in changes.get(at, Counter()).items():
            depth[mark] += change
        last = at
    return pieces
