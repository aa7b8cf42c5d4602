"""CLIP: map pictures and texts to vectors in one space (Radford et al. 2021)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dj_assets.models.vision.backend import Array, Backend, Floats
from dj_assets.models.vision.checkpoint import OPEN_CLIP_CONFIG, Weights, read_json, read_weights
from dj_assets.models.vision.clip_tokens import ClipTokens, Tokens
from dj_assets.models.vision.device import Batching, Device
from dj_assets.models.vision.pixels import Preprocessing, Uint8s, preprocessing
from dj_assets.models.vision.transformer import LayerNames, Parts, Patches, Tower

_LAYER = LayerNames(
    first_norm="layer_norm1",
    inward=("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    outward="self_attn.out_proj",
    second_norm="layer_norm2",
    wide="mlp.fc1",
    narrow="mlp.fc2",
)
_PATCHES = {
    "patch": "embeddings.patch_embedding",
    "first": "embeddings.class_embedding",
    "positions": "embeddings.position_embedding.weight",
}
# The default of transformers if a configuration has none.
_ACTIVATION = {"hidden_act": "quick_gelu"}
_HEADS_OF_PICTURES, _HEADS_OF_TEXTS = 12, 8


class ClipTowers(Protocol):
    """Both towers of a `ClipModel`, ours or those of open_clip: they give unit vectors; `scale` multiplies cosines."""

    backend: Backend
    scale: float
    tokens: Tokens

    def see(self, pixels: Array) -> Array:
        """Return a unit vector for every picture."""

    def read(self, tokens: Array) -> Array:
        """Return a unit vector for every text."""


class ClipModel:
    """A CLIP checkpoint of Hugging Face or of open_clip.

    The model multiplies a cosine by `scale`, which is 100 for the released models.
    """

    def __init__(self, folder: Path, on: Device) -> None:
        if (folder / OPEN_CLIP_CONFIG).is_file():
            from dj_assets.models.vision.open_clip_folder import OpenClipModel

            self.model: ClipTowers = OpenClipModel(folder, on)
        else:
            self.model = HuggingFaceClip(folder, on)
        self.tokens = self.model.tokens
        self.scale = self.model.scale
        self.batching = Batching(self.model.backend)

    def encode_images(self, crops: Sequence[Uint8s]) -> Floats:
        """Return a unit vector for every crop, shape `(len(crops), d)`."""
        return self.batching.run(self.model.see, crops)

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        """Return a unit vector for every text, shape `(len(texts), d)`; long texts are truncated to the context."""
        return self.batching.run(self.model.read, self.tokens(texts))

    def similarity(self, image: Floats, text: Floats) -> float:
        """Return the cosine of two vectors times `scale / 100`: the cosine itself for released models."""
        return float(image @ text) * self.scale / 100


class ClipVision:
    """The image tower of CLIP, which the predictors of ratings use, too."""

    def __init__(self, config: Mapping[str, Any], weights: Weights, prepared: Preprocessing, backend: Backend) -> None:
        parts = Parts(weights, "vision_model.", backend)
        self.backend = backend
        self.patches = Patches(parts, _PATCHES, prepared.mean, prepared.std)
        self.tower = Tower(parts, "encoder.layers.", _LAYER, {**_ACTIVATION, **config}, _HEADS_OF_PICTURES)
        self.before, self.after = parts.affine("pre_layrnorm"), parts.affine("post_layernorm")
        self.projection = backend.array(weights["visual_projection.weight"])

    def see(self, pixels: Array) -> Array:
        """Return a unit vector for every picture, given its pixels from 0 to 255."""
        seen = self.tower(self.tower.norm(self.patches(pixels), self.before))[:, 0]
        return self.backend.unit(self.backend.linear(self.tower.norm(seen, self.after), self.projection, None))


class HuggingFaceClip:
    """CLIP with the weights of Hugging Face."""

    def __init__(self, folder: Path, on: Device) -> None:
        config, weights = read_json(folder, "config.json"), read_weights(folder)
        self.backend = on.backend()
        self.vision = ClipVision(config.get("vision_config", {}), weights, preprocessing(folder), self.backend)
        parts = Parts(weights, "text_model.", self.backend)
        text = {**_ACTIVATION, **config.get("text_config", {})}
        self.tower = Tower(parts, "encoder.layers.", _LAYER, text, _HEADS_OF_TEXTS)
        self.words = parts.array("embeddings.token_embedding.weight")
        self.positions = parts.array("embeddings.position_embedding.weight")
        self.after = parts.affine("final_layer_norm")
        self.projection = self.backend.array(weights["text_projection.weight"])
        self.tokens: Tokens = ClipTokens(folder, len(self.positions))
        self.scale = float(np.exp(weights["logit_scale"]))
        self.see = self.vision.see

    def read(self, tokens: Array) -> Array:
        """Return a unit vector for every text: the output at its first end token, which attends to all before it."""
        ends = tokens.argmax(-1)
        # no token attends to later ones, so positions after the last end token are not computed
        length = int(ends.max()) + 1
        behind = self.backend.array(np.triu(np.ones((1, 1, length, length), bool), 1))
        read = self.tower(self.words[tokens[:, :length]] + self.positions[:length], behind)
        last = self.tower.norm(self.backend.picked(read, ends), self.after)
        return self.backend.unit(self.backend.linear(last, self.projection, None))
