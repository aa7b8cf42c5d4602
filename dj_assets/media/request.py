"""What the reader and its process say to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dj_assets.media.look import Look
from dj_assets.media.places import Place

# What the process says when it is ready, and when it has read a request: what kills it now is that file.
BEGUN = "begun"


@dataclass(frozen=True)
class Limits:
    """What one look may take before its process is ended.

    Seconds by the clock, without a sign of life, and so many times that with them; bytes of address space.
    """

    seconds: float
    memory_bytes: int
    signs_of_life: int = 20


@dataclass(frozen=True)
class Request:
    """A file to open and the looks at it, in the order of the operators that want them."""

    place: Place
    looks: tuple[Look[Any], ...]


@dataclass(frozen=True)
class Failed:
    """What a look comes to that could not be done."""

    reason: str
