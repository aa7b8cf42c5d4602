"""Media files that operators make of others: they are named by their content, and no file is made twice."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Protocol

# The folder of made files in that of a subset; samples list them as `media/ab/<SHA-256 of the content>.mp4`.
FOLDER = "media"
_NAME = re.compile(rf"{FOLDER}/([0-9a-f]{{2}}/[0-9a-f]{{64}}\.[a-z0-9]+)")


def path_in_folder(listed: str) -> str | None:
    """Return the path of a made file in its folder, given the path that a sample lists; None for another file.

    Examples
    --------
    >>> path_in_folder("media/ab/" + "ab" * 32 + ".mp4") == "ab/" + "ab" * 32 + ".mp4"
    True
    >>> path_in_folder("media/cat.mp4") is None
    True
    """
    match = _NAME.fullmatch(listed)
    return match[1] if match else None


def name_of(content: bytes, suffix: str) -> str:
    """Return the path that samples list for a made file with a suffix such as `.mp4`."""
    checksum = hashlib.sha256(content).hexdigest()
    return f"{FOLDER}/{checksum[:2]}/{checksum}{suffix}"


class MadeFiles(Protocol):
    """Interface of the folder of made files, on a disk or in an object store."""

    def recorded(self, key: str) -> tuple[str, ...] | None:
        """Return the names of the files that were made under a key; None if there are none, or one is gone."""

    def write(self, content: bytes, suffix: str) -> str:
        """Write a file unless it is there, completely or not at all; return its name."""

    def record(self, key: str, names: Sequence[str]) -> None:
        """Record the names of all files that were made under a key."""
