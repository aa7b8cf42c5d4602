"""The differences between two texts, word by word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_WORDS = re.compile(r"\s+|[^\s]+")
# With more words than this difflib takes seconds; the rest is only counted.
_MOST_WORDS = 4000
_CONTEXT = 5


@dataclass(frozen=True)
class Change:
    """One passage where two texts differ: its words in the one and in the other, with a few words around."""

    before: str
    removed: str
    added: str
    after: str

    def __str__(self) -> str:
        marks = (f"[-{self.removed}-]" if self.removed else "") + (f"{{+{self.added}+}}" if self.added else "")
        return f"…{self.before}{marks}{self.after}…"


@dataclass(frozen=True)
class TextChanges:
    """The first passages where two texts differ, the number of the others, and whether only beginnings were compared.

    Texts that are the same have no passages.
    """

    shown: tuple[Change, ...]
    more: int
    beyond: bool = False


def changes_between(before: str, after: str, most: int = 8) -> TextChanges:
    """Compare the first 4,000 words of two texts."""
    if before == after:
        return TextChanges((), 0)
    a, b = (_WORDS.findall(text)[:_MOST_WORDS] for text in (before, after))
    changes = list(_changes(a, b))
    return TextChanges(
        tuple(_shown(a, b, change) for change in changes[:most]), max(0, len(changes) - most), not changes
    )


def differences(before: str, after: str, most: int = 8) -> list[str]:
    """Return the passages where two texts differ, as `… [-removed-]{+added+} …` with a few words around.

    There are at most `most` passages; a last line counts the others. Only the first 4,000 words are compared.
    """
    changes = changes_between(before, after, most)
    shown = [str(change) for change in changes.shown]
    if changes.more:
        shown.append(f"… and {changes.more} more places")
    return [*shown, f"the same in the first {_MOST_WORDS:,} words, then they differ"] if changes.beyond else shown


@dataclass(frozen=True)
class Segment:
    """A passage of two texts: `removed` is only in the first, `added` only in the second; both are equal else."""

    text: str
    kind: Literal["same", "removed", "added"]


def segments(before: str, after: str) -> list[Segment]:
    """Return two texts as one sequence of equal, removed and added passages, compared word by word.

    Beyond the first 4,000 words of either, the rest is one passage removed and one added, or an equal one.

    Examples
    --------
    >>> [(part.kind, part.text) for part in segments("one two", "one three")]
    [('same', 'one '), ('removed', 'two'), ('added', 'three')]
    """
    if before == after:
        return [Segment(before, "same")] if before else []
    a, b = (_WORDS.findall(text) for text in (before, after))
    first, second = a[:_MOST_WORDS], b[:_MOST_WORDS]
    matcher = difflib.SequenceMatcher(None, first, second, autojunk=False)
    parts: list[Segment] = []
    for kind, i, j, m, n in matcher.get_opcodes():
        if kind == "equal":
            parts.append(Segment("".join(first[i:j]), "same"))
            continue
        parts += [Segment("".join(first[i:j]), "removed")] if j > i else []
        parts += [Segment("".join(second[m:n]), "added")] if n > m else []
    rest, other = ("".join(words[_MOST_WORDS:]) for words in (a, b))
    if rest == other:
        return [*parts, Segment(rest, "same")] if rest else parts
    ends = (Segment(rest, "removed"), Segment(other, "added"))
    return [*parts, *(part for part in ends if part.text)]


def _changes(a: list[str], b: list[str]) -> Iterator[tuple[int, int, int, int]]:
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    yield from ((i, j, m, n) for kind, i, j, m, n in matcher.get_opcodes() if kind != "equal")


def _shown(a: list[str], b: list[str], change: tuple[int, int, int, int]) -> Change:
    i, j, m, n = change
    removed, added = "".join(a[i:j]), "".join(b[m:n])
    before, after = "".join(a[max(0, i - _CONTEXT) : i]), "".join(a[j : j + _CONTEXT])
    return Change(_visible(before), _visible(removed), _visible(added), _visible(after))


def _visible(text: str) -> str:
    """Show white space and control characters by their escapes, and cut a long text."""
    shown = "".join(c if c == " " or (c.isprintable() and not c.isspace()) else _escape(c) for c in text)
    return shown if len(shown) <= 120 else f"{shown[:60]}…{shown[-59:]}"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode() if ord(character) < 0x80 else f"\\u{ord(character):04x}"
