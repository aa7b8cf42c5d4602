"""Weights under the names of Hugging Face, brought to those of open_clip and timm: renamed, joined and turned."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Weights = Mapping[str, "Tensor"]
_CLIP_LAYER = re.compile(r"encoder\.layers\.(\d+)\.(.+)")
_VIT_LAYER = re.compile(r"encoder\.layer\.(\d+)\.(.+)")
_QUERY_KEY_VALUE = ("q", "k", "v")

_CLIP_LAYER_NAMES = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}
_CLIP_VISION_NAMES = {
    "embeddings.class_embedding": "class_embedding",
    "embeddings.patch_embedding.weight": "conv1.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "pre_layrnorm.weight": "ln_pre.weight",
    "pre_layrnorm.bias": "ln_pre.bias",
    "post_layernorm.weight": "ln_post.weight",
    "post_layernorm.bias": "ln_post.bias",
}
_CLIP_TEXT_NAMES = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
}
_VIT_NAMES = {
    "embeddings.cls_token": "cls_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.patch_embeddings.projection.weight": "patch_embed.proj.weight",
    "embeddings.patch_embeddings.projection.bias": "patch_embed.proj.bias",
    "layernorm.weight": "norm.weight",
    "layernorm.bias": "norm.bias",
}
_VIT_LAYER_NAMES = {
    "layernorm_before": "norm1",
    "layernorm_after": "norm2",
    "attention.output.dense": "attn.proj",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
}


def below(weights: Weights, prefix: str) -> dict[str, Tensor]:
    """Return the weights whose names start with a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def clip_vision(weights: Weights) -> dict[str, Tensor]:
    """Return the vision half of a CLIP model, with its projection, for `open_clip.transformer.VisionTransformer`."""
    vision = below(weights, "vision_model.")
    converted = {new: vision[old] for old, new in _CLIP_VISION_NAMES.items()}
    converted |= _clip_layers(vision)
    return {**converted, "proj": weights["visual_projection.weight"].T}


def clip(weights: Weights) -> dict[str, Tensor]:
    """Return a whole CLIP model for `open_clip.CLIP`."""
    text = below(weights, "text_model.")
    converted = {new: text[old] for old, new in _CLIP_TEXT_NAMES.items()}
    converted |= _clip_layers(text)
    converted |= {f"visual.{name}": value for name, value in clip_vision(weights).items()}
    ends = {"text_projection": weights["text_projection.weight"].T, "logit_scale": weights["logit_scale"]}
    return {**converted, **ends}


def vit_classifier(weights: Weights) -> dict[str, Tensor]:
    """Return an image classifier for `timm.models.VisionTransformer`."""
    body = below(weights, "vit.")
    converted = {new: body[old] for old, new in _VIT_NAMES.items()}
    for layer, own in _by_layer(body, _VIT_LAYER):
        start = f"blocks.{layer}."
        converted |= {start + name: value for name, value in _renamed(own, _VIT_LAYER_NAMES)}
        names = ("query", "key", "value")
        converted |= _joined(own, (f"attention.attention.{name}" for name in names), start + "attn.qkv.")
    return {**converted, **{f"head.{end}": weights[f"classifier.{end}"] for end in ("weight", "bias")}}


def _clip_layers(tower: Weights) -> dict[str, Tensor]:
    converted: dict[str, Tensor] = {}
    for layer, own in _by_layer(tower, _CLIP_LAYER):
        start = f"transformer.resblocks.{layer}."
        converted |= {start + name: value for name, value in _renamed(own, _CLIP_LAYER_NAMES)}
        names = (f"self_attn.{name}_proj" for name in _QUERY_KEY_VALUE)
        converted |= _joined(own, names, start + "attn.in_proj_")
    return converted


def _by_layer(weights: Weights, pattern: re.Pattern[str]) -> Iterator[tuple[int, dict[str, Tensor]]]:
    layers: dict[int, dict[str, Tensor]] = {}
    for name, value in weights.items():
        if found := pattern.fullmatch(name):
            layers.setdefault(int(found[1]), {})[found[2]] = value
    yield from sorted(layers.items())


def _renamed(own: Weights, names: Mapping[str, str]) -> Iterator[tuple[str, Tensor]]:
    for old, new in names.items():
        for end in ("weight", "bias"):
            yield f"{new}.{end}", own[f"{old}.{end}"]


def _joined(own: Weights, names: Iterable[str], into: str) -> dict[str, Tensor]:
    """Put query, key and value one below the other; a bias that a model goes without is left out."""
    import torch

    parts = list(names)
    ends = [end for end in ("weight", "bias") if f"{parts[0]}.{end}" in own]
    return {into + end: torch.cat([own[f"{name}.{end}"] for name in parts]) for end in ends}
