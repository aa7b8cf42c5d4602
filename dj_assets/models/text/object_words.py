"""Name the objects in which two captions differ."""

from __future__ import annotations

import difflib
import re
from functools import cache

_KEPT = re.compile(r"[^\w\s]", re.ASCII)


def changed_words(first: str, second: str) -> tuple[list[str], list[str]]:
    """Return the words that only the first caption has, and those that only the second one has, in their order.

    Words are in lower case and without punctuation. They are compared in order, as lines of a diff.

    Examples
    --------
    >>> changed_words("A dog sleeps on the red sofa.", "A cat sleeps on the sofa.")
    (['dog', 'red'], ['cat'])
    """
    before, after = (_KEPT.sub("", caption.lower()).split() for caption in (first, second))
    steps = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    gone = [word for kind, start, stop, *_ in steps if kind in {"delete", "replace"} for word in before[start:stop]]
    new = [word for kind, *_, start, stop in steps if kind in {"insert", "replace"} for word in after[start:stop]]
    return gone, new


def objects(first: str, second: str) -> tuple[list[str], list[str]]:
    """Return the nouns in which two captions differ, as lemmas: of the first and of the second caption.

    A word counts as a noun if it can be one, by the tables of lemminflect; so do words such as "red". A lemma that the
    other caption changed, too, is left out.

    Examples
    --------
    >>> objects("Two dogs run across the lawn.", "Two cats run across the lawn.")
    (['dog'], ['cat'])
    """
    gone, new = ([lemma for word in words if (lemma := _noun(word))] for words in changed_words(first, second))
    return _others(gone, new), _others(new, gone)


def _others(words: list[str], against: list[str]) -> list[str]:
    return [word for word in dict.fromkeys(words) if word not in against]


@cache
def _noun(word: str) -> str | None:
    """Return the lemma of a word as a noun, None if it cannot be one."""
    import lemminflect

    found = lemminflect.getAllLemmas(word, upos="NOUN") or lemminflect.getAllLemmas(word, upos="PROPN")
    return next((lemmas[0] for lemmas in found.values() if lemmas), None)
