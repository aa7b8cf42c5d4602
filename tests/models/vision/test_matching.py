"""BLIP over pairs in batches, against one pair at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dj_assets.models.vision.device import Device
from dj_assets.models.vision.matching import ImageTextMatcher
from dj_assets.models.vision.pixels import preprocessing
from tests.models.vision.conftest import TEXTS, crops
from tests.models.vision.tiny import BLIP


@pytest.mark.parametrize("device", ["cpu", "cpu:0"])
def test_scores_are_those_of_one_pair_at_a_time(device: str, tiny: Path, pictures: list[Image.Image]) -> None:
    from transformers import BertTokenizer, BlipForImageTextRetrieval, BlipImageProcessorPil

    model = BlipForImageTextRetrieval.from_pretrained(tiny / BLIP).eval()
    process, tokenize = BlipImageProcessorPil.from_pretrained(tiny / BLIP), BertTokenizer.from_pretrained(tiny / BLIP)
    pairs = [(image, text) for image in range(len(pictures)) for text in range(len(TEXTS))][::-1]
    wanted = []
    for image, text in pairs:
        tokens = tokenize(TEXTS[text], truncation=True, max_length=40, return_tensors="pt", return_token_type_ids=False)
        with torch.no_grad():
            logits = model(**process(pictures[image], return_tensors="pt"), **tokens).itm_score
        wanted.append(float(logits.softmax(-1)[0, 1]))

    matcher = ImageTextMatcher(tiny / BLIP, Device(device))
    found = matcher.scores(crops(preprocessing(tiny / BLIP).geometry, pictures), TEXTS, pairs)
    assert found == pytest.approx(np.array(wanted), abs=1e-5)
    assert np.ptp(found) > 1e-2
