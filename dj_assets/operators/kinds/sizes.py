"""Parse file sizes such as `124KB`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

_SIZE = re.compile(r"\s*(\d+)\s*(?:([kmgtpezy]?)i?b)?\s*", re.IGNORECASE)
_POWERS = "kmgtpezy"


def size_in_bytes(size: str) -> int:
    """Return the bytes of a size such as `124KB`. KB and KiB are 1,024 bytes, and so on; without a unit, bytes.

    Raises
    ------
    ValueError
        If it is not a whole number with a unit. (Data-Juicer reads `1.5MB` as 15 MB.)
    """
    match = _SIZE.fullmatch(size)
    if match is None:
        raise ValueError(f"must be a whole number of bytes with a unit, as '124KB', not {size!r}")
    prefix = (match[2] or "").lower()
    return int(match[1]) << 10 * (_POWERS.index(prefix) + 1 if prefix else 0)


def _valid(size: str) -> str:
    size_in_bytes(size)
    return size


Size = Annotated[
    str, BeforeValidator(lambda size: str(size) if isinstance(size, int) else size), AfterValidator(_valid)
]
