"""Make control characters of data visible, on a page and in a terminal."""

from __future__ import annotations

import unicodedata


def visible(text: str) -> str:
    r"""Return a text with the names of its control characters; line feeds and tabs stay.

    A control character can move the cursor or change the title of a terminal; a format character can reverse the
    direction of a text.

    Examples
    --------
    >>> visible("one\x1b[2J two\n")
    'one\\u001b[2J two\n'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_named(character) for character in text)


def _named(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in {"Cc", "Cf", "Cs"}:
        return character
    return f"\\u{ord(character):04x}"
