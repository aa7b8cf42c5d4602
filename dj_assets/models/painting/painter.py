"""Define a call that paints a pair of images: the request, the pair, and the protocol of back ends."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from dj_assets.models.text.pictures import Uint8s


@dataclass(frozen=True)
class Control:
    """Hold how far the second image follows the attention of the first one (prompt-to-prompt, Hertz et al. 2022).

    `self_steps` and `cross_steps` are shares of the steps in which the maps of the first image are used; `words` gives
    other shares for single words of the second caption.
    """

    self_steps: float = 0.4
    cross_steps: float = 1.0
    words: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PaintRequest:
    """Hold everything that can change a pair: model, captions, seed and settings.

    `model` has the beginning of the checksum of its weights. `size` is the width and height in pixels, None for that of
    the model. `scheduler` and `device` belong to the record of the call; they are written by the back end.

    Examples
    --------
    >>> first = PaintRequest("a-model", "a cat", "a dog", seed=1)
    >>> first.key == PaintRequest("a-model", "a cat", "a dog", seed=2).key
    False
    """

    model: str
    caption1: str
    caption2: str
    seed: int
    steps: int = 50
    guidance: float = 7.5
    dtype: str = "fp32"
    size: tuple[int, int] | None = None
    control: Control = field(default_factory=Control)

    @property
    def key(self) -> str:
        """Return the SHA-256 of the request, under which its pair is kept."""
        text = json.dumps(["pair", asdict(self)], sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class PaintedPair:
    """Hold two RGB images, `uint8`, shape `(height, width, 3)` each, and facts about the call for its record."""

    first: Uint8s
    second: Uint8s
    facts: Mapping[str, Any] = field(default_factory=dict)


class PairPainter(Protocol):
    """Paint two images that differ as their captions do."""

    def paint(self, request: PaintRequest) -> PaintedPair:
        """Return the pair; equal requests give equal pairs on one device."""
