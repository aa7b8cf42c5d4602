"""Identify the version of a media file by its size and the time of its last change."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class FileStat(NamedTuple):
    """Hold size in bytes and time of change in nanoseconds; both are None if there is no such file."""

    size: int | None = None
    mtime_ns: int | None = None


def file_stats(paths: Iterable[str]) -> dict[str, FileStat]:
    """Return size and time of every distinct path; symbolic links are followed."""
    return {path: _file_stat(path) for path in dict.fromkeys(paths)}


def unchanged(known: Mapping[str, FileStat]) -> bool:
    """Return whether no file has changed; stop at the first that has."""
    return all(_file_stat(path) == facts for path, facts in known.items())


def digest_of(stats: Mapping[str, FileStat], before: str = "") -> str:
    """Return a digest of `before`, paths and their stats; without paths, return `before`."""
    if not stats:
        return before
    lines = "\n".join(f"{path}\0{stat.size}\0{stat.mtime_ns}" for path, stat in sorted(stats.items()))
    return hashlib.sha256(f"{before}\n{lines}".encode()).hexdigest()


def is_text(path: str) -> bool:
    """Return whether a path is valid text: JSON allows characters that are not, and no file has such a name."""
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
