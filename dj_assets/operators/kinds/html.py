"""Bound the cost of parsing HTML: the parser takes quadratic time for some pages."""

from __future__ import annotations

from collections import Counter

from dj_assets.errors import SampleError
from dj_assets.operators.kinds.substitution import compiled

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


def check_cost(html: str) -> None:
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
