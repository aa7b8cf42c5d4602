"""Rate the aesthetics of a picture: CLIP's vector and a small head trained on ratings (LAION, Schuhmann 2022)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from dj_assets.models.vision.backend import Array, Floats
from dj_assets.models.vision.checkpoint import read_json, read_weights
from dj_assets.models.vision.clip import ClipVision
from dj_assets.models.vision.device import Batching, Device
from dj_assets.models.vision.pixels import Uint8s, preprocessing
from dj_assets.models.vision.transformer import Affine, Parts, linear

_HEAD = re.compile(r"layers\.(\d+)\.weight")


class AestheticsPredictor:
    """A checkpoint of `simple-aesthetics-predictor`: v1, or v2 with or without ReLU.

    The variant is detected by its weights: v1 has one linear layer, v2 five. In the variant with ReLU, the numbers of
    the layers leave a gap for it.
    """

    def __init__(self, folder: Path, on: Device) -> None:
        config, weights = read_json(folder, "config.json"), read_weights(folder)
        self.backend = on.backend()
        self.vision = ClipVision(config, weights, preprocessing(folder), self.backend)
        self.head, self.bent = _head(Parts(weights, "", self.backend))
        self.batching = Batching(self.backend)

    def scores(self, crops: Sequence[Uint8s]) -> Floats:
        """Return the score of every crop, shape `(len(crops),)`; released models have a scale of 0 to 10."""
        return self.batching.run(self._scores, crops)

    def _scores(self, pixels: Array) -> Array:
        scores = linear(self.backend, self.vision.see(pixels), self.head[0])
        for layer in self.head[1:]:
            scores = linear(self.backend, scores * (scores > 0) if self.bent else scores, layer)
        return scores[:, 0]


def _head(parts: Parts) -> tuple[list[Affine], bool]:
    """Return the layers of the head, and whether they have ReLUs between them."""
    if "predictor.weight" in parts.weights:
        return [parts.affine("predictor")], False
    numbers = sorted(int(match[1]) for name in parts.weights if (match := _HEAD.fullmatch(name)))
    # without ReLU, only a dropout is before the second layer
    return [parts.affine(f"layers.{number}") for number in numbers], numbers[1] != 2
