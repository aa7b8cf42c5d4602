"""Search links in long words in linear time: a pattern alone starts again at every letter of a long host or scheme."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from dj_assets.operators.kinds.substitution import compiled

if TYPE_CHECKING:
    import regex

_BALANCED = r"\((?:[^\s()<>]|\([^\s()<>]+\))*\)"
# Links after John Gruber, 2010.
PATTERN = (
    r"\b(?:[a-z][\w-]+:(?:/{1,3}|[a-z0-9%])|www\d{0,3}[.]|[a-z0-9.\-]+[.][a-z]{2,4}/)"
    rf"(?:[^\s()<>]|{_BALANCED})+"
    rf"(?:{_BALANCED}|[^\s`!()\[\]{{}};:'" + '".,<>?«»“”‘’])'
)
# Shorter words are searched with the pattern.
SHORT = 100

_UNIT_IN_PARENTHESES = r"\((?:[^\s()<>]++|\([^\s()<>]++\))*+\)"
_REST = rf"(?:[^\s()<>]++|{_UNIT_IN_PARENTHESES})*+"
# The last character of a link, searched from the end. A parenthesis ends a balanced unit.
_LAST = r"(?r)[^\s`!(\[\]{};:'" + '".,<>?«»“”‘’]'


class _Head(NamedTuple):
    """Hold the possible starts of a link whose head ends at one place, from the first to the last one.

    All starts share the rest of the link: the head ends at a character that cannot be inside of it. `ends` are the
    places where the rest may start, in the order in which they are tried. Whether a link `begins` at `start`, at a
    boundary of a word, is looked up when it is needed.
    """

    start: int
    last: int
    order: int
    first_character: str
    ends: tuple[int, ...]
    begins: bool = False


def replaced(word: str, expression: regex.Pattern[str], repl: str) -> str:
    """Return a word with every link replaced, as `expression.sub(repl, word)` does for the compiled `PATTERN`."""
    if len(word) <= SHORT:
        return str(expression.sub(repl, word))
    flags = expression.flags
    parts, end = [], 0
    heads = [*_heads(word, flags)]
    heapq.heapify(heads)
    while heads:
        head = heapq.heappop(heads)
        if head.last < end:
            continue
        if head.start < end or not head.begins:
            later = _started(word, head._replace(start=max(head.start, end)), flags)
            if later is not None:
                heapq.heappush(heads, later)
            continue
        stop = next((stop for at in head.ends if (stop := _end_of_rest(word, at, flags)) is not None), None)
        if stop is not None:
            link = compiled(r"(?s:.*)", 0).fullmatch(word, head.start, stop)
            parts += [word[end : head.start], str(link.expand(repl)) if link else ""]
            end = stop
    return "".join([*parts, word[end:]])


def _heads(word: str, flags: int) -> Iterator[_Head]:
    for match in compiled(r"(?<![\w-])[\w-]{2,}+(?=:(?:(/{1,3})|[a-z0-9%]))", flags).finditer(word):
        after = match.end() + 1
        ends = tuple(range(after + len(match[1] or "/"), after, -1))
        yield _Head(match.start(), match.end() - 2, 0, "[a-z]", ends)
    for match in compiled(r"\bwww\d{0,3}[.]", flags).finditer(word):
        yield _Head(match.start(), match.start(), 1, "w", (match.end(),), begins=True)
    for match in compiled(r"(?<![a-z0-9.\-])[a-z0-9.\-]++(?=/)", flags).finditer(word):
        name = compiled(r"[.][a-z]{2,4}+$", flags).search(word, max(match.start(), match.end() - 5), match.end())
        if name is not None:
            yield _Head(match.start(), name.start() - 1, 2, r"[a-z0-9.\-]", (match.end() + 1,))


def _started(word: str, head: _Head, flags: int) -> _Head | None:
    """Return the head with its first start from `head.start` on: at a boundary of a word; None without any."""
    match = compiled(rf"\b{head.first_character}", flags).search(word, head.start, head.last + 1)
    return None if match is None else head._replace(start=match.start(), begins=True)


def _end_of_rest(word: str, start: int, flags: int) -> int | None:
    """Return the end of a link whose rest starts at `start`; None if it has fewer than two units."""
    first = compiled(rf"[^\s()<>]|{_UNIT_IN_PARENTHESES}", flags).match(word, start)
    if first is None:
        return None
    rest = compiled(_REST, flags).match(word, first.end())
    last = compiled(_LAST, flags).search(word, first.end(), rest.end()) if rest else None
    return last.end() if last else None
