"""What tells that a file of media is the one that was looked at: its size and the time of its last change."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class FileStat(NamedTuple):
    """Size in bytes and time of change in nanoseconds; both None where there is no such file."""

    size: int | None = None
    mtime_ns: int | None = None


def file_stats(paths: Iterable[str]) -> dict[str, FileStat]:
    """Return the facts of every distinct path, symbolic links followed."""
    return {path: _file_stat(path) for path in dict.fromkeys(paths)}


def unchanged(known: Mapping[str, FileStat]) -> bool:
    """Return whether every file still is what it was; ends at the first that is not."""
    return all(_file_stat(path) == facts for path, facts in known.items())


def digest_of(stats: Mapping[str, FileStat], before: str = "") -> str:
    """Return a digest of paths and their facts, behind those of `before`; that where there are none."""
    if not stats:
        return before
    lines = "\n".join(f"{path}\0{stat.size}\0{stat.mtime_ns}" for path, stat in sorted(stats.items()))
    return hashlib.sha256(f"{before}\n{lines}".encode()).hexdigest()


def is_text(path: str) -> bool:
    """Return whether a path can be written down: JSON knows characters that are none, and no file has such a name."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _file_stat(path: str) -> FileStat:
    try:
        status = os.stat(path)  # noqa: PTH116 - a path object for each of many files takes longer than the question
    except (OSError, ValueError):
        return FileStat()
    return FileStat(status.st_size, status.st_mtime_ns)
