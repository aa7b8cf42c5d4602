"""Extract the text of HTML."""

from __future__ import annotations

from typing import ClassVar

import pyarrow.compute as pc

from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.html import check_cost
from dj_assets.operators.kinds.substitution import rewrite
from dj_assets.operators.registry import register

# The parser returns a text without any of these unchanged.
MARKUP = r"[<&\r\x00]|\A[\t\n\f ]"


@register("clean_html_mapper")
class CleanHtmlMapper(Mapper):
    """Keep the text of HTML as the parser Lexbor extracts it: of the whole document, with nothing between its blocks.

    Items of lists (`<li>`, `<ol>` in lower case, without attributes) start on a new line with `*`. Entities are
    decoded; titles, scripts and styles count as text. A text without markup loses its leading white space only.

    A page is quarantined if parsing it would take more than seconds, because of deeply nested elements, or of too many
    unclosed elements or attributes.
    """

    # 2: the text of <head>, such as the title, is kept
    version: ClassVar[int] = 2

    def apply(self, batch: Batch) -> Batch:
        """Return the batch without tags."""
        return rewrite(batch, pc.match_substring_regex(batch.text, MARKUP), _text_of)


def _text_of(html: str) -> str:
    from selectolax.lexbor import LexborHTMLParser

    for tag in ("<li>", "<ol>"):
        html = html.replace(tag, "\n*")
    for tag in ("</li>", "</ol>"):
        html = html.replace(tag, "")
    check_cost(html)
    return str(LexborHTMLParser(html).text())
