"""Measure the peak memory of a process."""

from __future__ import annotations

import re
import resource
from pathlib import Path

_HIGH_WATER = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


def peak_rss_mb() -> float:
    """Return the largest resident size so far of this process or of any finished worker, in MB (10^6 bytes)."""
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return round(max(_own_peak_kb(), workers) * 1024 / 1e6, 1)


def _own_peak_kb() -> int:
    """Return the peak since the program started, in kB; `getrusage` would count the parent that it was forked from."""
    status = Path("/proc/self/status")
    match = _HIGH_WATER.search(status.read_text()) if status.exists() else None
    return int(match[1]) if match else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
