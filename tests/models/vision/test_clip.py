"""CLIP, against transformers with the same weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from dj_assets.models.vision.clip import ClipModel
from dj_assets.models.vision.device import Device
from dj_assets.models.vision.pixels import preprocessing
from tests.models.vision.conftest import TEXTS, crops
from tests.models.vision.tiny import CLIP

CPU = Device("cpu")
# by this name it is PyTorch that computes there
TORCH = Device("cpu:0")


@pytest.fixture(scope="module")
def oracle(tiny: Path, pictures: list[Image.Image]) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the vectors of pictures and texts, and the scale, by transformers alone."""
    from transformers import CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

    model = CLIPModel.from_pretrained(tiny / CLIP).eval()
    pixels = CLIPImageProcessorPil.from_pretrained(tiny / CLIP)(pictures, return_tensors="pt")
    tokens = CLIPTokenizer.from_pretrained(tiny / CLIP)(
        TEXTS, padding=True, truncation=True, max_length=24, return_tensors="pt"
    )
    with torch.no_grad():
        found = model(**pixels, **tokens)
    return found.image_embeds.numpy(), found.text_embeds.numpy(), float(model.logit_scale.detach().exp())


@pytest.fixture(scope="module", params=[CPU, TORCH], ids=["numpy", "torch"])
def clip(tiny: Path, request: pytest.FixtureRequest) -> ClipModel:
    return ClipModel(tiny / CLIP, request.param)


def test_vectors_are_those_of_transformers(
    tiny: Path, clip: ClipModel, pictures: list[Image.Image], oracle: tuple[np.ndarray, np.ndarray, float]
) -> None:
    images, texts, scale = oracle
    found = clip.encode_images(crops(preprocessing(tiny / CLIP).geometry, pictures))
    assert np.abs(found - images).max() < 1e-5
    assert np.abs(clip.encode_texts(TEXTS) - texts).max() < 1e-5
    assert clip.scale == pytest.approx(scale)
    # the weights are loud enough for that to mean something
    assert np.abs(found[0] - found[1]).max() > 1e-2


def test_the_tiny_model_uses_the_fast_gelu_and_another_would_show(
    tiny: Path, clip: ClipModel, pictures: list[Image.Image], tmp_path: Path
) -> None:
    for file in (tiny / CLIP).iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config["vision_config"]["hidden_act"] = config["text_config"]["hidden_act"] = "gelu"
    (tmp_path / "config.json").write_text(json.dumps(config))
    pixels = crops(preprocessing(tiny / CLIP).geometry, pictures)
    exact = ClipModel(tmp_path, CPU).encode_images(pixels)
    assert np.abs(exact - clip.encode_images(pixels)).max() > 1e-4


def test_a_pickled_checkpoint_is_the_same_model(tiny: Path, pictures: list[Image.Image], tmp_path: Path) -> None:
    for file in (tiny / CLIP).iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    torch.save(load_file(tiny / CLIP / "model.safetensors"), tmp_path / "pytorch_model.bin")
    pixels = crops(preprocessing(tmp_path).geometry, pictures)
    assert np.array_equal(
        ClipModel(tmp_path, CPU).encode_images(pixels), ClipModel(tiny / CLIP, CPU).encode_images(pixels)
    )


def test_weights_in_narrow_floats_are_read(tiny: Path, pictures: list[Image.Image], tmp_path: Path) -> None:
    for file in (tiny / CLIP).iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tiny / CLIP / "model.safetensors")
    save_file({name: value.bfloat16() for name, value in weights.items()}, tmp_path / "model.safetensors")
    pixels = crops(preprocessing(tmp_path).geometry, pictures)
    found, wanted = (ClipModel(folder, CPU).encode_images(pixels) for folder in (tmp_path, tiny / CLIP))
    assert 0 < np.abs(found - wanted).max() < 2e-2


def test_batches_do_not_change_the_vectors(tiny: Path, clip: ClipModel, pictures: list[Image.Image]) -> None:
    pixels = crops(preprocessing(tiny / CLIP).geometry, pictures)
    whole = clip.encode_images(pixels)
    one_by_one = np.concatenate([clip.encode_images([crop]) for crop in pixels])
    assert np.abs(whole - one_by_one).max() < 1e-5
    assert np.linalg.norm(whole, axis=1) == pytest.approx(np.ones(len(pixels)), abs=1e-6)


def test_half_precision_is_near(tiny: Path, clip: ClipModel, pictures: list[Image.Image]) -> None:
    pixels = crops(preprocessing(tiny / CLIP).geometry, pictures)
    half = ClipModel(tiny / CLIP, Device("cpu", half=True)).encode_images(pixels)
    distance = np.abs(half - clip.encode_images(pixels)).max()
    assert half.dtype == np.float32
    assert 0 < distance < 2e-2
