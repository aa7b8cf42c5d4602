"""How beautiful a picture is: CLIP's view of it and a small head trained on ratings (LAION, Schuhmann 2022)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dj_assets.models.vision import conversion
from dj_assets.models.vision.checkpoint import read_json, read_weights
from dj_assets.models.vision.clip import quick, vision_settings, with_epsilon
from dj_assets.models.vision.device import Batching, Device, Floats, normalised
from dj_assets.models.vision.pixels import Uint8s, preprocessing

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

_HEAD = re.compile(r"layers\.(\d+)\.weight")


class AestheticsPredictor:
    """A checkpoint of `simple-aesthetics-predictor`: v1, or v2 with or without ReLU.

    Which one is read from its weights: v1 has one linear layer, v2 five; those of the variant with ReLU are numbered
    with room for it.
    """

    def __init__(self, folder: Path, on: Device) -> None:
        prepared = preprocessing(folder)
        self.mean, self.std = prepared.mean, prepared.std
        config, weights = read_json(folder, "config.json"), read_weights(folder)
        self.vision = _vision(config, weights).eval().to(on.name)
        self.head = _head(weights).eval().to(on.name)
        self.batching = Batching(on)

    def scores(self, crops: Sequence[Uint8s]) -> Floats:
        """Return the score of every crop, shape `(len(crops),)`; the released models' scale is 0 to 10."""
        return self.batching.run(self._scores, crops)

    def _scores(self, pixels: Tensor) -> Tensor:
        from torch.nn.functional import normalize

        found: Tensor = self.head(normalize(self.vision(normalised(pixels, self.mean, self.std)), dim=-1))
        return found[:, 0]


def _vision(config: dict[str, Any], weights: conversion.Weights) -> Module:
    from open_clip.model import _build_vision_tower

    width = weights["visual_projection.weight"].shape[0]
    tower: Module = _build_vision_tower(width, vision_settings(config, weights), quick(config))
    tower.load_state_dict(conversion.clip_vision(weights))
    return with_epsilon(tower, config.get("layer_norm_eps", 1e-5))


def _head(weights: conversion.Weights) -> Module:
    from torch.nn import ReLU, Sequential

    if "predictor.weight" in weights:
        return Sequential(_linear(weights, "predictor"))
    numbers = sorted(int(found[1]) for name in weights if (found := _HEAD.fullmatch(name)))
    layers = [_linear(weights, f"layers.{number}") for number in numbers]
    # without ReLU the second layer comes after a dropout alone
    if numbers[1] == 2:
        return Sequential(*layers)
    return Sequential(*list(chain.from_iterable((layer, ReLU()) for layer in layers))[:-1])


def _linear(weights: conversion.Weights, name: str) -> Module:
    from torch.nn import Linear, Parameter

    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    layer = Linear(weight.shape[1], weight.shape[0])
    layer.weight, layer.bias = Parameter(weight), Parameter(bias)
    return layer
