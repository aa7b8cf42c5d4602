"""OWL-ViT in batches, against its own forward for every picture with its phrases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dj_assets.models.vision.device import Device
from dj_assets.models.vision.grounding import PhraseDetector
from dj_assets.models.vision.pixels import preprocessing
from tests.models.vision.conftest import crops
from tests.models.vision.tiny import OWL

PHRASES = [["a cat"], ["the dog", "a cat", "many things of a long long name"], ["a table", "the dog"]]


def test_boxes_are_those_of_one_picture_at_a_time(tiny: Path, pictures: list[Image.Image]) -> None:
    from transformers import CLIPTokenizer, OwlViTForObjectDetection, OwlViTImageProcessorPil

    model = OwlViTForObjectDetection.from_pretrained(tiny / OWL).eval()
    process, tokenize = OwlViTImageProcessorPil.from_pretrained(tiny / OWL), CLIPTokenizer.from_pretrained(tiny / OWL)
    chosen = pictures[: len(PHRASES)]
    detector = PhraseDetector(tiny / OWL, Device("cpu"))
    found = detector.boxes(crops(preprocessing(tiny / OWL).geometry, chosen), PHRASES)
    for picture, phrases, boxes in zip(chosen, PHRASES, found, strict=True):
        tokens = tokenize(phrases, padding="max_length", truncation=True, max_length=16, return_tensors="pt")
        with torch.no_grad():
            wanted = model(tokens["input_ids"], **process(picture, return_tensors="pt"))
        logits, (x, y, w, h) = wanted.logits[0], wanted.pred_boxes[0].T
        corners = torch.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], 1)
        assert np.abs(boxes.corners - corners.numpy()).max() < 1e-5
        assert np.array_equal(boxes.phrases, logits.argmax(-1).numpy())
        assert np.abs(boxes.scores - logits.max(-1).values.sigmoid().numpy()).max() < 1e-5
