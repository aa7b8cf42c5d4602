"""CLIP: pictures and texts as vectors in one space (Radford et al. 2021), run in open_clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dj_assets.models.vision import conversion
from dj_assets.models.vision.checkpoint import OPEN_CLIP_CONFIG, read_json, read_weights
from dj_assets.models.vision.clip_tokens import ClipTokens
from dj_assets.models.vision.device import Batching, Device, Floats, normalised
from dj_assets.models.vision.pixels import Uint8s, preprocessing

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


class Clip:
    """A CLIP checkpoint of Hugging Face or of open_clip.

    `scale` is what the model multiplies a cosine with, 100 for the released models.
    """

    def __init__(self, folder: Path, on: Device) -> None:
        prepared = preprocessing(folder)
        self.mean, self.std = prepared.mean, prepared.std
        self.model = _model(folder).eval().to(on.name)
        self.tokens = ClipTokens(folder, self.model.context_length)
        self.scale = float(self.model.logit_scale.detach().exp())
        self.causal = _reads_forward(self.model)
        self.batching = Batching(on)

    def encode_images(self, crops: Sequence[Uint8s]) -> Floats:
        """Return a unit vector for every crop, shape `(len(crops), d)`."""
        return self.batching.run(self._encode_images, crops)

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        """Return a unit vector for every text, shape `(len(texts), d)`; a long text is cut to the model's context."""
        return self.batching.run(self._encode_texts, self.tokens(texts))

    def similarity(self, one: Floats, other: Floats) -> float:
        """Return the cosine of two vectors as the model scales it, by 100: the cosine itself for released models."""
        return float(one @ other) * self.scale / 100

    def _encode_images(self, pixels: Tensor) -> Tensor:
        found: Tensor = self.model.encode_image(normalised(pixels, self.mean, self.std), normalize=True)
        return found

    def _encode_texts(self, tokens: Tensor) -> Tensor:
        from torch.nn.functional import normalize

        model, ends = self.model, tokens.argmax(-1)
        if not self.causal:
            found: Tensor = model.encode_text(tokens, normalize=True)
            return found
        # no token sees those behind it, so what lies behind the last end is not computed
        length = int(ends.max()) + 1
        read = model.token_embedding(tokens[:, :length]) + model.positional_embedding[:length]
        read = model.ln_final(model.transformer(read, attn_mask=model.attn_mask[:length, :length]))
        return normalize(read[ends.new_tensor(range(len(ends))), ends] @ model.text_projection, dim=-1)


def _reads_forward(model: Any) -> bool:  # noqa: ANN401
    """Tell whether the text half is that of the original CLIP: causal, and summed up in the first end token."""
    import open_clip
    import torch

    plain = isinstance(model, open_clip.CLIP) and model.text_pool_type == "argmax" and model.attn_mask is not None
    return plain and isinstance(model.text_projection, torch.nn.Parameter)


def _model(folder: Path) -> Any:  # noqa: ANN401 - open_clip has no types
    import open_clip

    if (folder / OPEN_CLIP_CONFIG).is_file():
        return open_clip.create_model(f"local-dir:{folder}")
    config, weights = read_json(folder, "config.json"), read_weights(folder)
    vision, text = config.get("vision_config", {}), config.get("text_config", {})
    tokens, width = weights["text_model.embeddings.token_embedding.weight"].shape
    model = open_clip.CLIP(
        embed_dim=weights["visual_projection.weight"].shape[0],
        vision_cfg=vision_settings(vision, weights),
        text_cfg={
            "context_length": len(weights["text_model.embeddings.position_embedding.weight"]),
            "vocab_size": tokens,
            "width": width,
            "heads": text.get("num_attention_heads", 8),
            "layers": _layers(weights, "text_model."),
            "mlp_ratio": _ratio(weights, "text_model."),
        },
        quick_gelu=quick(vision),
    )
    model.load_state_dict(conversion.clip(weights))
    return with_epsilon(model, vision.get("layer_norm_eps", 1e-5))


def vision_settings(config: Mapping[str, Any], weights: conversion.Weights) -> dict[str, Any]:
    """Return open_clip's description of the vision half of a checkpoint: what its weights do not show is configured."""
    width = len(weights["vision_model.embeddings.class_embedding"])
    return {
        "image_size": config.get("image_size", 224),
        "patch_size": weights["vision_model.embeddings.patch_embedding.weight"].shape[-1],
        "width": width,
        "head_width": width // config.get("num_attention_heads", 12),
        "layers": _layers(weights, "vision_model."),
        "mlp_ratio": _ratio(weights, "vision_model."),
    }


def quick(config: Mapping[str, Any]) -> bool:
    """Tell whether a checkpoint uses the fast approximation of GELU, as OpenAI's do."""
    return bool(config.get("hidden_act", "quick_gelu") == "quick_gelu")


def with_epsilon(model: Module, epsilon: float) -> Module:
    """Return a model with another epsilon in all of its layer norms."""
    from torch.nn import LayerNorm

    for module in model.modules():
        if isinstance(module, LayerNorm):
            module.eps = epsilon
    return model


def _layers(weights: conversion.Weights, tower: str) -> int:
    return 1 + max(int(name.split(".")[3]) for name in weights if name.startswith(f"{tower}encoder.layers."))


def _ratio(weights: conversion.Weights, tower: str) -> float:
    inner, width = weights[f"{tower}encoder.layers.0.mlp.fc1.weight"].shape
    return inner / width
