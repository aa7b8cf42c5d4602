"""Measure the memory of a process, and limit it."""

from __future__ import annotations

import re
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STATM = Path("/proc/self/statm")
_HIGH_WATER = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


def peak_rss_mb() -> float:
    """Return the largest resident size so far of this process or of any finished worker, in MB (10^6 bytes)."""
    return round(max(_own_peak(), _peak_of(resource.RUSAGE_CHILDREN)) / 1e6, 1)


def _own_peak() -> int:
    """Return the peak in bytes since the program started; `getrusage` counts the parent that it was forked from."""
    status = Path("/proc/self/status")
    match = _HIGH_WATER.search(status.read_text()) if status.exists() else None
    return int(match[1]) * 1024 if match else _peak_of(resource.RUSAGE_SELF)


def _peak_of(who: int) -> int:
    """Return the largest resident size in bytes; macOS counts `ru_maxrss` in bytes, Linux and the BSDs in kB."""
    peak = resource.getrusage(who).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@contextmanager
def limited_memory(more_bytes: int) -> Iterator[None]:
    """Let this process have at most `more_bytes` more than now within the block; a library then raises `MemoryError`.

    Linux alone has such a limit (`RLIMIT_DATA`); elsewhere there is none. All threads of the process share it.
    """
    if not _STATM.exists():
        yield
        return
    before, most = resource.getrlimit(resource.RLIMIT_DATA)
    taken = int(_STATM.read_text().split()[5]) * resource.getpagesize()
    limits = [limit for limit in (before, most) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min([taken + more_bytes, *limits]), most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, most))
