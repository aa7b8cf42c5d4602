"""Expand macros in LaTeX."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow.compute as pc

from dj_assets.errors import SampleError
from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.substitution import compiled, rewrite
from dj_assets.operators.registry import register

_NAME = r"(\\[a-zA-Z0-9]++)"
DEFINITIONS = (rf"\\newcommand\*?\{{{_NAME}\}}\{{", rf"\\def\s*+{_NAME}\s*+\{{")

# Limits on the characters of an expanded text, and on the characters searched for all macros of a text. Papers stay far
# below; macros that double each other exceed them.
LONGEST_EXPANSION = 20_000_000
LONGEST_SEARCH = 1_000_000_000


@register("expand_macro_mapper")
class ExpandMacroMapper(Mapper):
    r"""Expand LaTeX macros without arguments that the text defines by `\newcommand` or `\def`, each on one line.

    A macro is expanded wherever a character other than a letter or digit follows it. Macros of `\newcommand` are
    expanded first, in the order of their definitions; of several definitions of a macro the last one is used. Later
    macros are expanded in the values of earlier ones, and in the definitions themselves: `\newcommand{\foo}{bar}`
    becomes `\newcommand{bar}{bar}`.

    A text that would grow beyond 20 million characters, or need a search of more than a billion, is quarantined.
    """

    def apply(self, batch: Batch) -> Batch:
        """Return the batch with its macros expanded."""
        return rewrite(batch, pc.match_substring_regex(batch.text, r"\\newcommand|\\def"), _expanded)


def _expanded(text: str) -> str:
    searched = 0
    macros = {name: value for pattern in DEFINITIONS for name, value in _definitions(pattern, text)}
    for name, value in macros.items():
        searched += len(text)
        uses = text.count(name)
        if searched > LONGEST_SEARCH or len(text) + uses * (len(value) - len(name)) > LONGEST_EXPANSION:
            raise SampleError(f"the text grows without end: {len(macros)} macros, {len(text)} characters at {name}")
        if uses:
            text = _used(name, value, text)
    return text


def _used(name: str, value: str, text: str) -> str:
    """Replace a macro wherever one more character follows it, which is no letter and no digit.

    The next search begins behind that character. A search for the name takes no longer for a long one, as a pattern
    with the name in it does.
    """
    parts, done, found = [], 0, text.find(name)
    while found >= 0:
        end = found + len(name)
        follows = text[end : end + 1]
        if follows and not (follows.isascii() and follows.isalnum()):
            parts += [text[done:found], value]
            done, end = end, end + 1
        found = text.find(name, end)
    return "".join([*parts, text[done:]])


def _definitions(pattern: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield names and values. A value ends at the brace that ends its line."""
    line_end, defined = 0, False
    for head in compiled(pattern, 0).finditer(text):
        start = head.end()
        if start > line_end:
            line_end, defined = text.find("\n", start), False
            line_end = len(text) if line_end < 0 else line_end
        # a definition inside of the value of another one does not count
        if not defined and start < line_end and text[line_end - 1] == "}":
            defined = True
            yield head[1], text[start : line_end - 1]
