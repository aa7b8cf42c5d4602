"""Two texts side by side: what one has and the other has not, word by word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

_WORDS = re.compile(r"\s+|[^\s]+")
# Beyond this many words difflib takes seconds; the rest is only counted.
_MOST_WORDS = 4000
_CONTEXT = 5


def differences(before: str, after: str, most: int = 8) -> list[str]:
    """Return the places where two texts differ, as `… [-removed-]{+added+} …` with a few words around.

    At most `most` places; a last line counts those left out. Only the first 4,000 words are compared.
    """
    if before == after:
        return []
    a, b = (_WORDS.findall(text)[:_MOST_WORDS] for text in (before, after))
    changes = list(_changes(a, b))
    shown = [_shown(a, b, change) for change in changes[:most]]
    if len(changes) > most:
        shown.append(f"… and {len(changes) - most} more places")
    return shown or [f"the same in the first {_MOST_WORDS:,} words, then they differ"]


def _changes(a: list[str], b: list[str]) -> Iterator[tuple[int, int, int, int]]:
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    yield from ((i, j, m, n) for kind, i, j, m, n in matcher.get_opcodes() if kind != "equal")


def _shown(a: list[str], b: list[str], change: tuple[int, int, int, int]) -> str:
    i, j, m, n = change
    removed, added = "".join(a[i:j]), "".join(b[m:n])
    before, after = "".join(a[max(0, i - _CONTEXT) : i]), "".join(a[j : j + _CONTEXT])
    marks = (f"[-{_visible(removed)}-]" if removed else "") + (f"{{+{_visible(added)}+}}" if added else "")
    return f"…{_visible(before)}{marks}{_visible(after)}…"


def _visible(text: str) -> str:
    """Show white space and control characters by their escapes, and cut what is long."""
    shown = "".join(c if c == " " or (c.isprintable() and not c.isspace()) else _escape(c) for c in text)
    return shown if len(shown) <= 120 else f"{shown[:60]}…{shown[-59:]}"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode() if ord(character) < 0x80 else f"\\u{ord(character):04x}"
