"""Image classifiers: a vision transformer with a linear head (Dosovitskiy et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dj_assets.models.vision.backend import Array, Floats
from dj_assets.models.vision.checkpoint import read_json, read_weights
from dj_assets.models.vision.device import Batching, Device
from dj_assets.models.vision.pixels import Uint8s, preprocessing
from dj_assets.models.vision.transformer import LayerNames, Parts, Patches, Tower, linear

_LAYER = LayerNames(
    first_norm="layernorm_before",
    inward=("attention.attention.query", "attention.attention.key", "attention.attention.value"),
    outward="attention.output.dense",
    second_norm="layernorm_after",
    wide="intermediate.dense",
    narrow="output.dense",
)
_PATCHES = {
    "patch": "embeddings.patch_embeddings.projection",
    "first": "embeddings.cls_token",
    "positions": "embeddings.position_embeddings",
}


class ImageClassifier:
    """A checkpoint of Hugging Face's `ViTForImageClassification`."""

    def __init__(self, folder: Path, on: Device) -> None:
        prepared = preprocessing(folder)
        config, weights = read_json(folder, "config.json"), read_weights(folder)
        self.backend = on.backend()
        body = Parts(weights, "vit.", self.backend)
        self.patches = Patches(body, _PATCHES, prepared.mean, prepared.std)
        self.tower = Tower(body, "encoder.layer.", _LAYER, {"layer_norm_eps": 1e-12, **config}, 12)
        self.after = body.affine("layernorm")
        self.head = Parts(weights, "", self.backend).affine("classifier")
        self.batching = Batching(self.backend)

    def probabilities(self, crops: Sequence[Uint8s]) -> Floats:
        """Return the probability of every class for every crop, shape `(len(crops), classes)`."""
        return self.batching.run(self._probabilities, crops)

    def _probabilities(self, pixels: Array) -> Array:
        seen = self.tower.norm(self.tower(self.patches(pixels))[:, 0], self.after)
        return self.backend.softmax(linear(self.backend, seen, self.head))
