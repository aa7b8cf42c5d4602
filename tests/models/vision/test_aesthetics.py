"""Aesthetics predictors, against CLIP of transformers and a head written out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from dj_assets.models.vision.aesthetics import AestheticsPredictor
from dj_assets.models.vision.device import Device
from dj_assets.models.vision.pixels import preprocessing
from tests.models.vision.conftest import crops
from tests.models.vision.tiny import AESTHETICS, AESTHETICS_RELU, AESTHETICS_V1, head_layout


@pytest.mark.parametrize("device", ["cpu", "cpu:0"])
@pytest.mark.parametrize("name", [AESTHETICS, AESTHETICS_V1, AESTHETICS_RELU])
def test_scores_are_those_of_the_layers_one_by_one(
    name: str, device: str, tiny: Path, pictures: list[Image.Image]
) -> None:
    from transformers import CLIPImageProcessorPil, CLIPVisionModelWithProjection

    folder = tiny / name
    weights = load_file(folder / "model.safetensors")
    pixels = CLIPImageProcessorPil.from_pretrained(folder)(pictures, return_tensors="pt")
    with torch.no_grad():
        x = CLIPVisionModelWithProjection.from_pretrained(folder).eval()(**pixels).image_embeds
        x = x / x.norm(dim=-1, keepdim=True)
        layout = list(head_layout(name))
        for place in layout:
            x = x @ weights[f"{place}.weight"].T + weights[f"{place}.bias"]
            x = x.relu() if "relu" in name and place != layout[-1] else x
    found = AestheticsPredictor(folder, Device(device)).scores(crops(preprocessing(folder).geometry, pictures))
    assert found == pytest.approx(x[:, 0].numpy(), abs=1e-5)
    assert np.ptp(found) > 1e-3
