"""Make the demo checkpoints: `python -m dj_assets.models.vision.demo_checkpoints [FOLDER]`.

The checkpoints are small models with random weights from a seed, in the architectures that the recipes use. They load
like the real ones, and their scores mean nothing: biases are set so that the scores are near the thresholds of the
gallery, and a demo keeps some samples and drops others.
"""

from __future__ import annotations

import json
import math
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from dj_assets.models.vision.pixels import CLIP_MEAN, CLIP_STD

if TYPE_CHECKING:
    from types import ModuleType

    from torch import Tensor
    from torch.nn import LayerNorm, Linear, Module
    from transformers import PreTrainedModel

CLIP = "openai/clip-vit-base-patch32"
AESTHETICS = "shunk031/aesthetics-predictor-v2-sac-logos-ava1-l14-linearMSE"
NSFW = "Falconsai/nsfw_image_detection"
WATERMARK = "amrul-hzz/watermark_detector"
MATCHING = "Salesforce/blip-itm-base-coco"

_SEED = 2023
_WIDTH, _EDGE, _PATCH = 32, 64, 16
_TOWER = {
    "hidden_size": _WIDTH,
    "intermediate_size": 2 * _WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
_SEEING = {**_TOWER, "image_size": _EDGE, "patch_size": _PATCH}
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,!?'-"
# The approximate cosine between any picture and any text; it varies with their content.
_COSINE = 0.52
_SCALE_100 = math.log(100)


def write(folder: Path) -> None:
    """Write all demo checkpoints into the folder, each under the name of the model that it replaces."""
    import torch

    torch.manual_seed(_SEED)
    _clip(folder / CLIP)
    _aesthetics(folder / AESTHETICS)
    _classifier(folder / NSFW, ("normal", "nsfw"), -9.0)
    _classifier(folder / WATERMARK, ("clean", "watermark"), 1.0)
    _matching(folder / MATCHING)


def _clip(folder: Path) -> None:
    import torch

    transformers = _transformers()

    tokens = _byte_pairs(folder)
    text = {**_TOWER, "vocab_size": len(tokens), "max_position_embeddings": 77, "projection_dim": _WIDTH}
    ends = {"bos_token_id": len(tokens) - 2, "eos_token_id": len(tokens) - 1, "pad_token_id": len(tokens) - 1}
    config = transformers.CLIPConfig(
        text_config={**text, **ends},
        vision_config={**_SEEING, "projection_dim": _WIDTH},
        projection_dim=_WIDTH,
        logit_scale_init_value=_SCALE_100,
    )
    model = transformers.CLIPModel(config)
    _shake(model, 0.25)
    towards = torch.nn.functional.normalize(torch.randn(_WIDTH), dim=0)
    across = torch.nn.functional.normalize(torch.randn(_WIDTH), dim=0)
    across = torch.nn.functional.normalize(across - (across @ towards) * towards, dim=0)
    _point(model.visual_projection, model.vision_model.post_layernorm, towards)
    apart = _COSINE * towards + math.sqrt(1 - _COSINE**2) * across
    _point(model.text_projection, model.text_model.final_layer_norm, apart)
    _save(model, folder)
    _prepare(folder, {"do_center_crop": True, "crop_size": _square(), "size": {"shortest_edge": _EDGE}, "resample": 3})


def _aesthetics(folder: Path) -> None:
    """Write a CLIP tower with a head of five linear layers; the score is about 4.3 of 10 for any picture."""
    import torch

    transformers = _transformers()
    from safetensors.torch import load_file, save_file

    config = transformers.CLIPVisionConfig(**_SEEING, projection_dim=_WIDTH)
    tower = transformers.CLIPVisionModelWithProjection(config)
    _shake(tower, 0.25)
    _save(tower, folder)
    weights = load_file(folder / "model.safetensors")
    widths = (_WIDTH, 32, 16, 8, 8, 1)
    for number, (before, after) in zip((0, 2, 4, 6, 7), pairwise(widths), strict=True):
        weights[f"layers.{number}.weight"] = torch.randn(after, before) * 1.2 / math.sqrt(before)
        weights[f"layers.{number}.bias"] = torch.zeros(after)
    weights["layers.7.bias"] += 4.3
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    _prepare(folder, {"do_center_crop": True, "crop_size": _square(), "size": {"shortest_edge": _EDGE}, "resample": 3})


def _classifier(folder: Path, labels: tuple[str, str], second: float) -> None:
    """Write a classifier of two classes; `second` is the logit by which the second class is more likely."""
    import torch

    transformers = _transformers()

    names = dict(enumerate(labels))
    config = transformers.ViTConfig(**_SEEING, id2label=names, label2id={name: n for n, name in names.items()})
    model = transformers.ViTForImageClassification(config)
    _shake(model, 0.15)
    with torch.no_grad():
        model.classifier.bias.copy_(torch.tensor([0.0, second]))
    _save(model, folder)
    half = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    _prepare(folder, {"do_center_crop": False, "size": _square(), "resample": 2, **half})


def _matching(folder: Path) -> None:
    transformers = _transformers()

    folder.mkdir(parents=True, exist_ok=True)
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_LETTERS, *(f"##{letter}" for letter in _LETTERS)]
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", "utf-8")
    named = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 512}
    (folder / "tokenizer_config.json").write_text(json.dumps(named, indent=1, sort_keys=True) + "\n", "utf-8")
    text = {**_TOWER, "vocab_size": len(pieces), "encoder_hidden_size": _WIDTH, "max_position_embeddings": 512}
    config = transformers.BlipConfig(
        text_config={**text, "pad_token_id": 0, "bos_token_id": 2, "sep_token_id": 3, "eos_token_id": 3},
        vision_config=_SEEING,
        projection_dim=_WIDTH,
        image_text_hidden_size=_WIDTH,
    )
    model = transformers.BlipForImageTextRetrieval(config)
    _shake(model, 0.25)
    _save(model, folder)
    _prepare(folder, {"do_center_crop": False, "size": _square(), "resample": 3})


def _shake(model: Module, spread: float) -> None:
    """Give all matrices large random weights, so that different inputs give different outputs."""
    import torch

    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim >= 2 and "position" not in name:
                weight.normal_(0, spread if weight.ndim == 2 else spread / 4)


def _point(projection: Linear, norm: LayerNorm, towards: Tensor) -> None:
    """Make the output of a projection almost independent of its input: near a given direction."""
    import torch

    with torch.no_grad():
        norm.bias.normal_(0, 1)
        norm.weight.fill_(0.35)
        lead = torch.outer(towards, norm.bias) / norm.bias.dot(norm.bias)
        projection.weight.copy_(4 * lead + torch.randn_like(projection.weight) * 0.12)


def _byte_pairs(folder: Path) -> dict[str, int]:
    """Write the smallest vocabulary of single bytes that a CLIP tokenizer accepts; return it."""
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    numbered = {token: number for number, token in enumerate(tokens)}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(numbered, ensure_ascii=False), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", "utf-8")
    return numbered


def _save(model: PreTrainedModel, folder: Path) -> None:
    """Write a model with the names of weights in checkpoints, which differ from those in memory."""
    model.save_pretrained(folder)
    path = folder / "config.json"
    described = json.loads(path.read_text("utf-8"))
    del described["transformers_version"]
    path.write_text(json.dumps(described, indent=1, sort_keys=True) + "\n", "utf-8")


def _prepare(folder: Path, settings: dict[str, object]) -> None:
    content = {"image_mean": list(CLIP_MEAN), "image_std": list(CLIP_STD), **settings}
    (folder / "preprocessor_config.json").write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", "utf-8")


def _square() -> dict[str, int]:
    return {"height": _EDGE, "width": _EDGE}


def _transformers() -> ModuleType:
    return import_module("transformers")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "demo")
