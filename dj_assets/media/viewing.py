"""How the media of an input are found and read, and what was seen of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dj_assets.media.keys import MediaKeys
from dj_assets.media.look import Look
from dj_assets.media.places import Place, Root
from dj_assets.media.reader import MediaReader


@dataclass(frozen=True)
class Viewing:
    """How the media of an input are found and read, and what was seen of them so far."""

    keys: MediaKeys
    root: Root
    reader: MediaReader
    seen: dict[tuple[Place, Look[Any]], object] = field(default_factory=dict, repr=False)
