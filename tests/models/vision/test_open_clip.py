"""Checkpoints of open_clip, against that library: its own transforms, tokenizers and towers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dj_assets.errors import UserError
from dj_assets.models.load import clip_tokens
from dj_assets.models.vision.clip import ClipModel
from dj_assets.models.vision.device import Device
from dj_assets.models.vision.pixels import preprocessing
from tests.models.vision.conftest import TEXTS, crops
from tests.models.vision.open_clip_checkpoints import CONFIGS, make_open_clip

CPU = Device("cpu")


@pytest.mark.parametrize("kind", CONFIGS)
def test_vectors_are_those_of_open_clip(kind: str, pictures: list[Image.Image], tmp_path: Path) -> None:
    import open_clip

    folder = make_open_clip(tmp_path / kind, kind)
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(TEXTS)
    model.eval()
    with torch.no_grad():
        seen = model.encode_image(torch.stack([transform(picture) for picture in pictures]), normalize=True).numpy()
        read = model.encode_text(tokens, normalize=True).numpy()
    found = ClipModel(folder, CPU)
    assert np.abs(found.encode_images(crops(preprocessing(folder).geometry, pictures)) - seen).max() < 1e-4
    assert np.abs(found.encode_texts(TEXTS) - read).max() < 1e-6
    assert found.scale == pytest.approx(float(model.logit_scale.detach().exp()))
    # the weights are loud enough for that to mean something
    assert min(np.abs(seen[0] - seen[1]).max(), np.abs(read[0] - read[1]).max()) > 1e-2


def test_tokens_are_counted_before_they_are_cut_off(tmp_path: Path) -> None:
    released, own = (clip_tokens(make_open_clip(tmp_path / kind, kind)) for kind in ("clip", "siglip"))
    assert released.length("A photo of 2 cats") == 5 + 2
    assert released.length("cat " * 100) == 100 + 2
    # letters are the words of this vocabulary
    assert own.length("the cat, the cat") == 3 * 4 + 2


def test_a_checkpoint_without_weights_or_with_others_is_one_line(tmp_path: Path) -> None:
    folder = make_open_clip(tmp_path / "model", "clip")
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["embed_dim"] = 12
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"open_clip finds no model in .*model: Error"):
        ClipModel(folder, CPU)
    (folder / "open_clip_model.safetensors").unlink()
    with pytest.raises(UserError, match="has no weights"):
        ClipModel(folder, CPU)


def test_a_tokenizer_that_is_not_in_the_folder_is_one_line(tmp_path: Path) -> None:
    folder = make_open_clip(tmp_path / "model", "siglip")
    (folder / "vocab.txt").unlink()
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(UserError, match="open_clip finds no tokenizer in"):
        clip_tokens(folder)


@pytest.mark.parametrize(("mode", "size"), [("longest", 32), ("shortest", [32, 48])])
def test_a_form_of_pictures_that_is_not_known_is_refused(mode: str, size: object, tmp_path: Path) -> None:
    config = {"model_cfg": {"vision_cfg": {"image_size": size}}, "preprocess_cfg": {"resize_mode": mode}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=f"resize_mode '{mode}'"):
        preprocessing(tmp_path)
