"""What the reader and its process say to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dj_assets.media.look import Look
from dj_assets.media.places import Place


@dataclass(frozen=True)
class Limits:
    """What one look may take before its process is ended: seconds by the clock, bytes of address space."""

    seconds: float
    memory_bytes: int


@dataclass(frozen=True)
class Request:
    """A file to open and the looks at it, all at images or all at clips."""

    place: Place
    looks: tuple[Look[Any], ...]


@dataclass(frozen=True)
class Failed:
    """What a look comes to that could not be done."""

    reason: str
