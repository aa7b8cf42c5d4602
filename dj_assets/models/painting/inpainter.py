"""Define a call that paints over a part of an image: the request, and the protocol of back ends."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from dj_assets.models.regions.run_lengths import Mask, encoded_mask
from dj_assets.models.text.pictures import Picture, Uint8s


@dataclass(frozen=True)
class InpaintRequest:
    """Hold everything that can change the picture: model, image, mask, prompt, seed and settings.

    `mask` is true where the image is painted over, shape `(height, width)`. `strength` is the share of the steps that
    are taken: with 1 nothing of the covered part is left.
    """

    model: str
    picture: Picture
    mask: Mask = field(repr=False, compare=False)
    prompt: str
    seed: int
    steps: int = 4
    strength: float = 0.85
    guidance: float = 0.0
    dtype: str = "fp16"

    def described(self) -> dict[str, Any]:
        """Return the request with checksums in place of image and mask."""
        covered = hashlib.sha256(encoded_mask(self.mask).encode()).hexdigest()
        names = ("model", "prompt", "seed", "steps", "strength", "guidance", "dtype")
        return {**{name: getattr(self, name) for name in names}, "image": self.picture.checksum, "mask": covered}

    @property
    def key(self) -> str:
        """Return the SHA-256 of the request, under which its picture is kept."""
        text = json.dumps(["inpainted", self.described()], sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Inpainted:
    """Hold an RGB image, `uint8`, of the size of the one in the request, and facts about the call for its record."""

    picture: Uint8s
    facts: Mapping[str, Any] = field(default_factory=dict)


class Inpainter(Protocol):
    """Paint over a part of an image."""

    def inpaint(self, request: InpaintRequest) -> Inpainted:
        """Return the image; pixels outside of the mask stay as they are."""
