"""Image classifiers: a vision transformer with a linear head (Dosovitskiy et al. 2020), run in timm."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dj_assets.models.vision import conversion
from dj_assets.models.vision.checkpoint import read_json, read_weights
from dj_assets.models.vision.device import Batching, Device, Floats, normalised
from dj_assets.models.vision.pixels import Uint8s, preprocessing

if TYPE_CHECKING:
    from timm.models import VisionTransformer
    from torch import Tensor


class ImageClassifier:
    """A checkpoint of Hugging Face's `ViTForImageClassification`."""

    def __init__(self, folder: Path, on: Device) -> None:
        prepared = preprocessing(folder)
        self.mean, self.std = prepared.mean, prepared.std
        self.model = _model(folder).eval().to(on.name)
        self.batching = Batching(on)

    def probabilities(self, crops: Sequence[Uint8s]) -> Floats:
        """Return the probability of every class for every crop, shape `(len(crops), classes)`."""
        return self.batching.run(self._probabilities, crops)

    def _probabilities(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.model(normalised(pixels, self.mean, self.std))
        return logits.float().softmax(-1)


def _model(folder: Path) -> VisionTransformer:
    from timm.models import VisionTransformer
    from torch.nn import LayerNorm

    config, weights = read_json(folder, "config.json"), read_weights(folder)
    width = config["hidden_size"]
    model = VisionTransformer(
        img_size=config["image_size"],
        patch_size=config["patch_size"],
        num_classes=len(weights["classifier.weight"]),
        embed_dim=width,
        depth=config["num_hidden_layers"],
        num_heads=config["num_attention_heads"],
        mlp_ratio=config["intermediate_size"] / width,
        qkv_bias=config.get("qkv_bias", True),
        norm_layer=partial(LayerNorm, eps=config["layer_norm_eps"]),
        weight_init="skip",
    )
    model.load_state_dict(conversion.vit_classifier(weights))
    return model
