"""Messages between the reader and its process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dj_assets.media.feature import MediaFeature
from dj_assets.media.handed import Handed
from dj_assets.media.locations import MediaLocation

# The answer when the process is ready.
READY = "ready"


@dataclass(frozen=True)
class Limits:
    """Hold the limits of one feature; its process is killed when it exceeds them.

    `seconds` without a sign of life, and with them at most `signs_of_life` times `seconds`; bytes of address space;
    whether its process is confined: `auto` as far as the system can, `require`, `off`.
    """

    seconds: float
    memory_bytes: int
    signs_of_life: int = 20
    sandbox: str = "auto"


@dataclass(frozen=True)
class Start:
    """Hold the first message to the process: its limits, and its first work, such as importing a user's modules."""

    limits: Limits
    prepare: Callable[[], object]


@dataclass(frozen=True)
class Request:
    """Hold a file to open and the features to compute, in the order of the operators that need them."""

    location: MediaLocation
    features: tuple[MediaFeature[object], ...]


@dataclass(frozen=True)
class Work:
    """Hold a request as it is sent: with the bytes instead of the location, without features if they are as before."""

    content: Handed
    features: tuple[MediaFeature[object], ...] | None


@dataclass(frozen=True)
class Answer:
    """Hold outcomes of the present file with their CPU seconds, each pickled; `whole` if there are no more."""

    outcomes: list[bytes]
    whole: bool


@dataclass(frozen=True)
class Failed:
    """Hold the reason why a feature could not be computed."""

    reason: str
