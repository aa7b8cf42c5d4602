"""Tiny checkpoints with random weights, written by transformers as the real ones are: same files, same names."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import filelock
import pytest

SIDE = 32
CLIP = "openai/clip-vit-base-patch32"
BLIP = "Salesforce/blip-itm-base-coco"
NSFW = "Falconsai/nsfw_image_detection"
WATERMARK = "amrul-hzz/watermark_detector"
AESTHETICS = "shunk031/aesthetics-predictor-v2-sac-logos-ava1-l14-linearMSE"
AESTHETICS_V1 = "aesthetics-predictor-v1"
AESTHETICS_RELU = "aesthetics-predictor-v2-relu"
OWL = "google/owlvit-base-patch32"

MERGES = ["i n", "t h", "a n", "r e</w>", "th e</w>", "an d</w>", "o n</w>", "c a", "ca t</w>", "d o", "do g</w>"]
CLIP_MEAN, CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
_SMALL = {
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
_VISION = {**_SMALL, "image_size": SIDE, "patch_size": 8}


def make_vision_models(folder: Path) -> Path:
    """Fill a folder with a tiny model for every name that the operators ask for by default."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(5)
        _clip(folder / CLIP)
        for name in (NSFW, WATERMARK):
            _classifier(folder / name)
        for name in (AESTHETICS, AESTHETICS_V1, AESTHETICS_RELU):
            _aesthetics(folder / name)
        _blip(folder / BLIP)
        _owl(folder / OWL)
    return folder


def shared_vision_models(factory: pytest.TempPathFactory) -> Path:
    """Return the folder of tiny models that all test processes of a session share."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "tiny_vision_models"
    with filelock.FileLock(f"{folder}.lock"):
        if not folder.exists():
            unfinished = folder.with_suffix(".unfinished")
            make_vision_models(unfinished)
            unfinished.replace(folder)
    return folder


def loud(model: Any) -> Any:
    """Return the model with weights large enough for different inputs to give clearly different numbers."""
    import torch

    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.2)
            elif "logit_scale" not in name:
                weight.add_(torch.randn_like(weight) * 0.1)
    return model.eval()


def _clip(folder: Path) -> None:
    from transformers import CLIPConfig, CLIPModel

    vocabulary = write_byte_pairs(folder)
    ends = {"bos_token_id": vocabulary["<|startoftext|>"], "eos_token_id": vocabulary["<|endoftext|>"]}
    text = {**_SMALL, **ends, "vocab_size": len(vocabulary), "max_position_embeddings": 24, "projection_dim": 24}
    config = CLIPConfig(text_config=text, vision_config={**_VISION, "projection_dim": 24}, projection_dim=24)
    loud(CLIPModel(config)).save_pretrained(folder)
    _preprocessor(folder, "CLIPImageProcessor", {"shortest_edge": SIDE}, 3, crop=SIDE)


def _classifier(folder: Path) -> None:
    from transformers import ViTConfig, ViTForImageClassification

    loud(ViTForImageClassification(ViTConfig(**_VISION, num_labels=2))).save_pretrained(folder)
    half = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    _preprocessor(folder, "ViTImageProcessor", {"height": SIDE, "width": SIDE}, 2, **half)


def _aesthetics(folder: Path) -> None:
    """Write a predictor; no class of transformers has its head, so its weights are named here."""
    import torch
    from safetensors.torch import save_file
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(**_VISION, projection_dim=24)
    weights = dict(loud(CLIPVisionModelWithProjection(config)).state_dict())
    for place, (inner, outer) in head_layout(folder.name).items():
        weights[f"{place}.weight"] = torch.randn(outer, inner) * inner**-0.5
        weights[f"{place}.bias"] = torch.randn(outer) * 0.1
    config.save_pretrained(folder)
    kept = {name: value.contiguous() for name, value in weights.items() if "position_ids" not in name}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    _preprocessor(folder, "CLIPImageProcessor", {"shortest_edge": SIDE}, 3, crop=SIDE)


def head_layout(name: str) -> dict[str, tuple[int, int]]:
    """Return the names of a head's layers, and their inputs and outputs, as `simple-aesthetics-predictor` has them."""
    if "v1" in name:
        return {"predictor": (24, 1)}
    places = (0, 3, 6, 9, 11) if "relu" in name else (0, 2, 4, 6, 7)
    widths = (24, 32, 16, 8, 4, 1)
    return {f"layers.{place}": widths[n : n + 2] for n, place in enumerate(places)}  # type: ignore[misc]


def _blip(folder: Path) -> None:
    from transformers import BlipConfig, BlipForImageTextRetrieval

    words = write_words(folder)
    text = {**_SMALL, "vocab_size": len(words), "encoder_hidden_size": 48, "max_position_embeddings": 40}
    config = BlipConfig(
        text_config={**text, "pad_token_id": 0, "sep_token_id": 3}, vision_config=_VISION, image_text_hidden_size=16
    )
    loud(BlipForImageTextRetrieval(config)).save_pretrained(folder)
    _preprocessor(folder, "BlipImageProcessor", {"height": SIDE, "width": SIDE}, 3)


def _owl(folder: Path) -> None:
    from transformers import OwlViTConfig, OwlViTForObjectDetection

    vocabulary = write_byte_pairs(folder)
    text = {**_SMALL, "vocab_size": len(vocabulary), "max_position_embeddings": 16}
    config = OwlViTConfig(text_config=text, vision_config=_VISION, projection_dim=48)
    loud(OwlViTForObjectDetection(config)).save_pretrained(folder)
    _preprocessor(folder, "OwlViTImageProcessor", {"height": SIDE, "width": SIDE}, 3)


def write_byte_pairs(folder: Path) -> dict[str, int]:
    """Write a vocabulary of byte pairs: every byte, every byte at the end of a word, a few merges, the two ends."""
    from tokenizers import pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*letters, *(c + "</w>" for c in letters), *(merge.replace(" ", "") for merge in MERGES)]
    vocabulary = {token: n for n, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}
    _write_json(folder / "vocab.json", vocabulary)
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *MERGES, ""]), "utf-8")
    return vocabulary


def write_words(folder: Path) -> list[str]:
    """Write a vocabulary of BERT's: special tokens and single letters, alone and inside words."""
    letters = [chr(c) for c in range(33, 127) if not chr(c).isupper()]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]", *letters, *(f"##{c}" for c in letters)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", "utf-8")
    _write_json(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "do_lower_case": True})
    return words


def _preprocessor(
    folder: Path, kind: str, size: Mapping[str, int], resample: int, crop: int | None = None, **more: Any
) -> None:
    crops = {"crop_size": {"height": crop, "width": crop}} if crop else {}
    known = {"do_resize": True, "do_rescale": True, "do_normalize": True, "do_center_crop": crop is not None, **crops}
    means = {"image_mean": CLIP_MEAN, "image_std": CLIP_STD}
    content = {"image_processor_type": kind, "size": dict(size), "resample": resample, **known, **means, **more}
    _write_json(folder / "preprocessor_config.json", content)


def _write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), "utf-8")
