"""Parse sizes such as "256MB", "1.5 GiB" or "4096"."""

from __future__ import annotations

import re

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(|[kmgt]i?)b?\s*", re.IGNORECASE)


def parse_bytes(text: str) -> int:
    """Return the bytes of a size; a unit with an i counts by 1024, a unit without i by 1000.

    Raises
    ------
    ValueError
        If it is not a size, or is less than one byte.
    """
    match = _SIZE.fullmatch(text)
    size = int(float(match[1]) * _UNITS[match[2].lower()]) if match else 0
    if size < 1:
        raise ValueError(f"{text!r} is no size; write it like 256MB or 1GiB")
    return size
