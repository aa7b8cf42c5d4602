"""Names that are short enough for the UI."""

from __future__ import annotations

import re
from typing import Any

from dj_assets.analysis.labels import short_name

__all__ = ["MAX_KEY", "Metadata", "metadata_key", "short_name"]

# Longer metadata keys overlap the next column of the page.
MAX_KEY = 27
# Dagster takes texts, numbers and its own kinds of values as metadata.
Metadata = dict[str, Any]


def metadata_key(prefix: str, label: str) -> str:
    """Return `prefix/label`, at most `MAX_KEY` characters; the cut keeps the number of a second instance."""
    name = short_name(label)
    number = re.search(r"_\d+$", name)
    tail = number[0] if number else ""
    room = MAX_KEY - len(prefix) - 1 - len(tail)
    return f"{prefix}/{name.removesuffix(tail)[:room]}{tail}"


def dg_name(text: str) -> str:
    """Return a valid Dagster name for a group or key part: letters, digits and underscores."""
    return "".join(char if char.isascii() and char.isalnum() else "_" for char in text) or "_"
