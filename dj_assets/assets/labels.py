"""Names short enough for the UI."""

from __future__ import annotations

import re

# Longer metadata keys overlap the next column of the page.
MAX_KEY = 27

_KIND = re.compile(r"_(mapper|filter|deduplicator)(?=(_\d+)?$)")


def short_name(label: str) -> str:
    """Return an operator's label without its kind: `alphanumeric_filter_2` gives `alphanumeric_2`."""
    return _KIND.sub("", label)


def metadata_key(prefix: str, label: str) -> str:
    """Return `prefix/label`, at most `MAX_KEY` characters; the number of a second instance survives the cut."""
    name = short_name(label)
    number = re.search(r"_\d+$", name)
    tail = number[0] if number else ""
    room = MAX_KEY - len(prefix) - 1 - len(tail)
    return f"{prefix}/{name.removesuffix(tail)[:room]}{tail}"
