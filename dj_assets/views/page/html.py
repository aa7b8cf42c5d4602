"""HTML elements: every text that is not markup is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from dj_assets.views.visible import visible

_VOID = {"meta", "img", "br"}


class Html(str):
    """Markup that is safe to put into a page; every other text is escaped."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str) -> Html:
    """Return an element; a trailing underscore of an attribute's name is removed (`class_`)."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{_escaped(value)}"' for key, value in attributes.items())
    return Html(f"<{name}{given}>" if name in _VOID else f"<{name}{given}>{joined(children)}</{name}>")


def joined(parts: Iterable[str]) -> Html:
    """Return parts as one piece of markup."""
    return Html("".join(part if isinstance(part, Html) else _escaped(part) for part in parts))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int = 99) -> Html:
    """Return a table that scrolls where the page is narrow; columns from `numbers_from` on hold numbers."""
    styles = ["n" if index >= numbers_from else "" for index in range(len(head))]
    titles = [tag("th", title, class_=style) for title, style in zip(head, styles, strict=True)]
    lines = [tag("tr", *(tag("td", cell, class_=s) for cell, s in zip(row, styles, strict=True))) for row in rows]
    body = tag("table", tag("thead", tag("tr", *titles)), tag("tbody", *lines))
    return tag("div", body, class_="wide")


def quoted_text(text: str) -> Html:
    """Return a text of the data with isolated text direction and with the names of control characters."""
    return tag("bdi", visible(text))


def _escaped(text: str) -> str:
    return html.escape(text.encode("utf-8", "backslashreplace").decode(), quote=True)
