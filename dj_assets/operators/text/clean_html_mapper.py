"""Extract the text of HTML."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import pyarrow.compute as pc

from dj_assets.errors import SampleError
from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.substitution import compiled, rewrite
from dj_assets.operators.registry import register

# The parser returns a text without any of these unchanged.
MARKUP = r"[<&\r\x00]|\A[\t\n\f ]"

# The parser walks over the open elements at every tag, and opens unclosed formatting again in every paragraph. Real
# pages stay far below these bounds; hostile pages exceed them.
CHECKED_TAGS = 2000
LONGEST_WALK = 500_000_000
A_COPY = 50
MOST_ATTRIBUTES = 100_000
FORMATTING = frozenset("a b big code em font i nobr s small strike strong tt u".split())
# Elements that are empty, or that the next element of the same kind closes.
NEVER_DEEP = frozenset(
    """area base br col dd dt embed hr img input li link meta option p param source tbody td tfoot th thead tr wbr
    """.split()
)


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
    _check_cost(html)
    return str(LexborHTMLParser(html).text())


def _check_cost(html: str) -> None:
    """Refuse pages that take quadratic time or memory to parse, judged by their tags alone."""
    if html.count("<") > CHECKED_TAGS and _walk(html) > LONGEST_WALK:
        raise SampleError("elements nested too deep, or left open too often, to be parsed in time")
    if len(html) > MOST_ATTRIBUTES:
        tags = compiled(r"<[a-zA-Z][^>]{99999,}+", 0).finditer(html)
        if any(len(compiled(r"[\s/]+", 0).findall(tag[0])) > MOST_ATTRIBUTES for tag in tags):
            raise SampleError(f"a tag with more than {MOST_ATTRIBUTES} attributes")


def _walk(html: str) -> int:
    """Estimate how many open elements the parser walks over, with a higher weight for copied elements."""
    opened: Counter[str] = Counter()
    depth = formatting = walked = 0
    for tag in compiled("<(/?)([a-zA-Z][^\\s/>]*+)", 0).finditer(html):
        name = tag[2].lower()
        closes = bool(tag[1])
        walked += depth + (0 if closes else A_COPY * formatting)
        if name not in NEVER_DEEP and (opened[name] or not closes):
            change = -1 if closes else 1
            opened[name] += change
            depth += change
            formatting += change * (name in FORMATTING)
    return walked
