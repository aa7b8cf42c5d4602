"""Transformers in models of pictures and texts, with the weights of Hugging Face's checkpoints.

A tower is a stack of layers that normalise their input (Dosovitskiy et al. 2020). BLIP's readers normalise their output
and attend to a picture in between; they are in `matching.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dj_assets.models.vision.backend import Array, Backend
from dj_assets.models.vision.checkpoint import Weights


class Affine(NamedTuple):
    """Hold weight and bias of a linear layer, or of a norm."""

    weight: Array
    bias: Array | None


@dataclass(frozen=True)
class LayerNames:
    """Hold the names of a layer's parts in a checkpoint; the projections of attention may be one matrix or three."""

    first_norm: str
    inward: tuple[str, ...]
    outward: str
    second_norm: str
    wide: str
    narrow: str


@dataclass(frozen=True)
class Layer:
    """Hold the weights of one layer; `inward` gives concatenated queries, keys and values."""

    first_norm: Affine
    inward: Affine
    outward: Affine
    second_norm: Affine
    wide: Affine
    narrow: Affine


class Parts:
    """Hold the weights of a checkpoint below a prefix, on the device of the backend."""

    def __init__(self, weights: Weights, prefix: str, backend: Backend) -> None:
        self.weights = weights
        self.prefix = prefix
        self.backend = backend

    def below(self, prefix: str) -> Parts:
        """Return the weights below a further prefix."""
        return Parts(self.weights, self.prefix + prefix, self.backend)

    def array(self, name: str) -> Array:
        """Return one array."""
        return self.backend.array(self.weights[self.prefix + name])

    def affine(self, *names: str) -> Affine:
        """Return weight and bias, stacked if there are several names; a model may have no bias."""
        weight, bias = (
            [self.weights[at] for name in names if (at := f"{self.prefix}{name}.{end}") in self.weights]
            for end in ("weight", "bias")
        )
        return Affine(self._joined(weight), self._joined(bias) if bias else None)

    def count(self, prefix: str) -> int:
        """Return the number of numbered parts below a prefix."""
        start = self.prefix + prefix
        return 1 + max(int(name[len(start) :].split(".")[0]) for name in self.weights if name.startswith(start))

    def _joined(self, arrays: Sequence[np.ndarray]) -> Array:
        return self.backend.array(np.concatenate(arrays) if len(arrays) > 1 else arrays[0])


class Tower:
    """A stack of layers over the backend of its weights."""

    def __init__(self, parts: Parts, prefix: str, names: LayerNames, config: Mapping[str, object], heads: int) -> None:
        """Take the weights below `prefix` and a number; the number of heads is in `config`, else `heads`."""
        numbered = (parts.below(f"{prefix}{number}.") for number in range(parts.count(prefix)))
        self.layers = [_layer(layer, names) for layer in numbered]
        self.backend = parts.backend
        self.heads = int(str(config.get("num_attention_heads", heads)))
        self.epsilon = float(str(config.get("layer_norm_eps", 1e-5)))
        self.quick = config.get("hidden_act", "gelu") == "quick_gelu"

    def __call__(self, x: Array, hidden: Array | None = None) -> Array:
        """Return the output of the layers for `x`, shape `(n, t, d)`; positions in `hidden` are masked."""
        for layer in self.layers:
            inward = linear(self.backend, self.norm(x, layer.first_norm), layer.inward)
            output = attended(self.backend, self.heads, side_by_side(inward, 3), hidden)
            x = x + linear(self.backend, output, layer.outward)
            x = x + self._forward(self.norm(x, layer.second_norm), layer)
        return x

    def norm(self, x: Array, norm: Affine) -> Array:
        """Return `x` normalised."""
        return self.backend.layer_norm(x, norm.weight, norm.bias, self.epsilon)

    def _forward(self, x: Array, layer: Layer) -> Array:
        wide = linear(self.backend, x, layer.wide)
        bent = self.backend.quick_gelu(wide) if self.quick else self.backend.gelu(wide)
        return linear(self.backend, bent, layer.narrow)


class Patches:
    """Convert pictures to the positions that a tower takes: a class, then the patches row by row."""

    def __init__(self, parts: Parts, names: Mapping[str, str], mean: Sequence[float], std: Sequence[float]) -> None:
        """Take the names of `patch`, `first` and `positions`, and mean and deviation of channels in 0..1."""
        kernel, bias = parts.affine(names["patch"])
        width, _, self.side, _ = kernel.shape
        self.backend = parts.backend
        # channels are the last axis of a picture
        self.patch = Affine(kernel.swapaxes(1, 3).swapaxes(1, 2).reshape(width, -1), bias)
        self.first = parts.array(names["first"]).reshape(1, 1, width)
        self.positions = parts.array(names["positions"]).reshape(-1, width)
        self.mean, self.std = (
            self.backend.array(np.tile(np.array(values, np.float32), self.side**2)) for values in (mean, std)
        )

    def __call__(self, pixels: Array) -> Array:
        """Return the positions, `(n, 1 + patches, d)`, of pixels from 0 to 255, `(n, height, width, 3)`."""
        (n, height, width, channels), side = pixels.shape, self.side
        down, across = height // side, width // side
        whole = pixels[:, : down * side, : across * side]
        patches = whole.reshape(n, down, side, across, side, channels).swapaxes(2, 3).reshape(n, down * across, -1)
        seen = linear(self.backend, (patches / 255 - self.mean) / self.std, self.patch)
        return self.backend.joined([seen[:, :1] * 0 + self.first, seen], 1) + self.positions


def linear(backend: Backend, x: Array, layer: Affine) -> Array:
    """Return the output of a linear layer for `x`."""
    return backend.linear(x, layer.weight, layer.bias)


def side_by_side(x: Array, parts: int) -> tuple[Array, ...]:
    """Split the last axis of `x` into `parts` arrays of equal width."""
    width = x.shape[2] // parts
    return tuple(x[:, :, part * width : (part + 1) * width] for part in range(parts))


def attended(backend: Backend, heads: int, asked: Sequence[Array], hidden: Array | None = None) -> Array:
    """Return the attention of each head, concatenated: `asked` are queries, keys and values, all `(n, t, d)`."""
    query, key, value = (x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2) for x in asked)
    output = backend.attention(query, key, value, hidden).swapaxes(1, 2)
    return output.reshape(*output.shape[:2], -1)


def _layer(parts: Parts, names: LayerNames) -> Layer:
    return Layer(
        first_norm=parts.affine(names.first_norm),
        inward=parts.affine(*names.inward),
        outward=parts.affine(names.outward),
        second_norm=parts.affine(names.second_norm),
        wide=parts.affine(names.wide),
        narrow=parts.affine(names.narrow),
    )
