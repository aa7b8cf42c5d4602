"""What the reader and its process say to each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dj_assets.media.feature import MediaFeature
from dj_assets.media.handed import Handed
from dj_assets.media.locations import MediaLocation

# What the process says when it is ready, and when it has read a request: what kills it now is that file.
BEGUN = "begun"


@dataclass(frozen=True)
class Limits:
    """What one feature may take before its process is ended.

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
    """A file to open and the features to compute, in the order of the operators that need them."""

    location: MediaLocation
    features: tuple[MediaFeature[Any], ...]


@dataclass(frozen=True)
class Work:
    """A request as it travels: the bytes instead of the place."""

    content: Handed
    features: tuple[MediaFeature[Any], ...]


@dataclass(frozen=True)
class Failed:
    """The outcome of a feature that could not be computed."""

    reason: str
