"""What the reader and its process say to each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dj_assets.media.handed import Handed
from dj_assets.media.look import Look
from dj_assets.media.places import Place

# What the process says when it is ready, and when it has read a request: what kills it now is that file.
BEGUN = "begun"


@dataclass(frozen=True)
class Limits:
    """What one look may take before its process is ended.

    Seconds by the clock, without a sign of life, and so many times that with them; bytes of address space; whether
    its process is confined: `auto` as far as the system can, `require`, `off`.
    """

    seconds: float
    memory_bytes: int
    signs_of_life: int = 20
    sandbox: str = "auto"


@dataclass(frozen=True)
class Start:
    """The first message to the process: its limits, and what it does first, such as importing a user's modules."""

    limits: Limits
    prepare: Callable[[], object]


@dataclass(frozen=True)
class Request:
    """A file to open and the looks at it, in the order of the operators that want them."""

    place: Place
    looks: tuple[Look[Any], ...]


@dataclass(frozen=True)
class Work:
    """A request as it travels: the bytes instead of the place."""

    content: Handed
    looks: tuple[Look[Any], ...]


@dataclass(frozen=True)
class Failed:
    """What a look comes to that could not be done."""

    reason: str
