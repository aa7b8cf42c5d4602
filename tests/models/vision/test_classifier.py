"""Image classifiers, against transformers with the same weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dj_assets.models.vision.classifier import ImageClassifier
from dj_assets.models.vision.device import Device
from dj_assets.models.vision.pixels import preprocessing
from tests.models.vision.conftest import crops
from tests.models.vision.tiny import NSFW, WATERMARK


@pytest.mark.parametrize("device", ["cpu", "cpu:0"])
@pytest.mark.parametrize("name", [NSFW, WATERMARK])
def test_probabilities_are_those_of_transformers(
    name: str, device: str, tiny: Path, pictures: list[Image.Image]
) -> None:
    from transformers import ViTForImageClassification, ViTImageProcessorPil

    pixels = ViTImageProcessorPil.from_pretrained(tiny / name)(pictures, return_tensors="pt")
    with torch.no_grad():
        wanted = ViTForImageClassification.from_pretrained(tiny / name).eval()(**pixels).logits.softmax(-1).numpy()
    found = ImageClassifier(tiny / name, Device(device)).probabilities(
        crops(preprocessing(tiny / name).geometry, pictures)
    )
    assert found.shape == (len(pictures), 2)
    assert np.abs(found - wanted).max() < 1e-5
    assert np.ptp(found[:, 1]) > 1e-2
