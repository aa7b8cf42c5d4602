"""Tiny checkpoints of open_clip with random weights, one for each kind of tower, as `open_clip` saves them."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from tests.models.vision.tiny import SIDE, loud, write_words

_TOWER = {"width": 16, "layers": 1, "mlp_ratio": 2.0}
_SEEN = {**_TOWER, "image_size": SIDE, "patch_size": 8, "head_width": 8}
# the vocabulary of the released models
_READ = {**_TOWER, "context_length": 24, "vocab_size": 49408, "heads": 2}
_HUGGING_FACE = {"context_length": 12, "vocab_size": 160, "hf_tokenizer_name": "of-the-folder"}
HALF = [0.5, 0.5, 0.5]

CONFIGS: dict[str, dict[str, Any]] = {
    "clip": {"model_cfg": {"embed_dim": 24, "quick_gelu": True, "vision_cfg": _SEEN, "text_cfg": _READ}},
    "resnet": {
        "model_cfg": {
            "embed_dim": 24,
            "vision_cfg": {"layers": [1, 1, 1, 1], "width": 8, "image_size": SIDE, "patch_size": None},
            "text_cfg": _READ,
        }
    },
    # SigLIP: a tower of timm, text seen in both directions whose last position counts, a tokenizer of Hugging Face
    "siglip": {
        "model_cfg": {
            "embed_dim": 24,
            "init_logit_bias": -10,
            "custom_text": True,
            "vision_cfg": {"image_size": 64, "timm_model_name": "test_convnext", "timm_pool": "avg"},
            "text_cfg": {
                **_TOWER, **_HUGGING_FACE, "heads": 2, "no_causal_mask": True, "pool_type": "last",
                "tokenizer_kwargs": {"clean": "canonicalize"},
            },
        },
        "preprocess_cfg": {"mean": HALF, "std": HALF, "resize_mode": "squash", "interpolation": "bilinear"},
    },
    # CoCa: tokens behind the end are hidden by their number
    "coca": {
        "model_cfg": {
            "embed_dim": 24,
            "custom_text": True,
            "vision_cfg": {**_SEEN, "attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True},
            "text_cfg": {**_READ, "embed_cls": True, "output_tokens": True},
            "multimodal_cfg": {"context_length": 24, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
        }
    },
    # a text tower of transformers, whose configuration is a folder
    "bert": {
        "model_cfg": {
            "embed_dim": 24,
            "vision_cfg": _SEEN,
            "text_cfg": {**_HUGGING_FACE, "hf_proj_type": "linear", "hf_pooler_type": "mean_pooler"},
        }
    },
}  # fmt: skip


def make_open_clip(folder: Path, kind: str) -> Path:
    """Write a checkpoint; return its folder."""
    import open_clip
    import torch

    config = deepcopy(CONFIGS[kind])
    folder.mkdir(parents=True)
    if "hf_tokenizer_name" in config["model_cfg"]["text_cfg"]:
        write_words(folder)
    if kind == "bert":
        from transformers import BertConfig

        small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
        BertConfig(**small, vocab_size=160).save_pretrained(folder)
        config["model_cfg"]["text_cfg"]["hf_model_name"] = str(folder)
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = loud(open_clip.create_model(f"local-dir:{folder}", pretrained_text=False))
    weights = {name: value.contiguous().clone() for name, value in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    return folder
