"""Operator names that are short enough for a table."""

from __future__ import annotations

import re

_KIND = re.compile(r"_(mapper|filter|selector|deduplicator)(?=(_\d+)?$)")


def short_name(label: str) -> str:
    """Return an operator's label without its kind: `alphanumeric_filter_2` gives `alphanumeric_2`."""
    return _KIND.sub("", label)
