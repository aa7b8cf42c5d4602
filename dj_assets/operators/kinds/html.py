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
# The parser compares every attribute of a tag with all before it.
CHECKED_LENGTH = 40_000
MOST_COMPARISONS = 300_000_000
# A tag, with the attributes inside of quotes that may contain the sign that ends it.
_TAG = r"</?[a-zA-Z](?:[^>=]++|=\s*+(?:\"[^\"]*+\"?|'[^']*+'?)?+)*+"
_ATTRIBUTE = r"[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"?|'[^']*+'?|[^\s>]++)?+)?+"
FORMATTING = frozenset("a b big code em font i nobr s small strike strong tt u".split())
# Elements that are empty, or that the next element of the same kind closes.
NEVER_DEEP = frozenset(
    """area base br col dd dt embed hr img input li link meta option p param source tbody td tfoot th thead tr wbr
    """.split()
)


def check_cost(html: str) -> None:
    """Refuse pages that take quadratic time or memory to parse, judged by their tags alone."""
    if html.count("<") > CHECKED_TAGS and walk(html)[0] > LONGEST_WALK:
        raise SampleError("elements nested too deep, or left open too often, to be parsed in time")
    if len(html) > CHECKED_LENGTH and _comparisons(html) > MOST_COMPARISONS:
        raise SampleError("tags with too many attributes to be parsed in time")


def _comparisons(html: str) -> int:
    """Return an upper estimate of how often the parser compares two attributes of a tag."""
    tags = (tag[0] for tag in compiled(_TAG, 0).finditer(html))
    # a short tag has few
    long = (tag for tag in tags if len(tag) > 1000)
    return sum(sum(1 for _ in compiled(_ATTRIBUTE, 0).finditer(tag)) ** 2 for tag in long)


def walk(html: str) -> tuple[int, int]:
    """Estimate how many open elements the parser walks over, copied ones with a higher weight, and their depth."""
    opened: Counter[str] = Counter()
    depth = deepest = formatting = walked = 0
    for tag in compiled("<(/?)([a-zA-Z][^\\s/>]*+)", 0).finditer(html):
        name = tag[2].lower()
        closes = bool(tag[1])
        walked += depth + (0 if closes else A_COPY * formatting)
        if name not in NEVER_DEEP and (opened[name] or not closes):
            change = -1 if closes else 1
            opened[name] += change
            depth += change
            deepest = max(deepest, depth)
            formatting += change * (name in FORMATTING)
    return walked, deepest
