"""The pixels a model gets, against the image processors of transformers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dj_assets.errors import UserError
from dj_assets.models.vision.pixels import BICUBIC, BILINEAR, Geometry, preprocessing
from tests.models.vision.tiny import BLIP, CLIP, NSFW, OWL

PROCESSORS = {
    CLIP: "CLIPImageProcessorPil",
    NSFW: "ViTImageProcessorPil",
    BLIP: "BlipImageProcessorPil",
    OWL: "OwlViTImageProcessorPil",
}


@pytest.mark.parametrize("name", PROCESSORS)
def test_pixels_are_those_of_transformers(name: str, tiny: Path, pictures: list[Image.Image]) -> None:
    import transformers

    processor = getattr(transformers, PROCESSORS[name]).from_pretrained(tiny / name)
    prepared = preprocessing(tiny / name)
    for picture in pictures:
        wanted = processor(picture, do_rescale=False, do_normalize=False, return_tensors="np")["pixel_values"][0]
        assert np.array_equal(prepared.geometry.pixels(picture), wanted.transpose(1, 2, 0))
    assert prepared.mean == tuple(processor.image_mean)
    assert prepared.std == tuple(processor.image_std)


@pytest.mark.parametrize("size", [(39, 32), (32, 39), (97, 33), (290, 97)])
def test_the_offset_of_the_crop_is_rounded_down(size: tuple[int, int]) -> None:
    ramp = np.arange(size[0] * size[1], dtype=np.uint32).reshape(size[1], size[0])
    picture = Image.fromarray(np.stack([ramp % 251, ramp % 241, ramp % 239], -1).astype(np.uint8))
    edge = min(size)
    found = Geometry(edge, edge, shortest_edge=edge).pixels(picture)
    left, top = (size[0] - edge) // 2, (size[1] - edge) // 2
    assert np.array_equal(found, np.asarray(picture)[top : top + edge, left : left + edge])


@pytest.mark.parametrize("height", [1, 3])
def test_few_rows_of_pixels_are_an_image_like_any_other(height: int) -> None:
    # of middle shades: Pillow cuts off between its two passes what overshoots
    rows = np.random.default_rng(2).integers(90, 160, (height, 40, 3), np.uint8)
    turned = Image.fromarray(np.ascontiguousarray(rows.transpose(1, 0, 2)))
    for geometry in (Geometry(16, 16, shortest_edge=16), Geometry(16, 16)):
        found = geometry.pixels(Image.fromarray(rows)).astype(int)
        assert np.abs(found - geometry.pixels(turned).transpose(1, 0, 2)).max() <= 1


def test_a_sliver_is_cut_before_it_grows() -> None:
    # resized whole it would have 224 x 6,720,000 pixels
    line = np.random.default_rng(0).integers(0, 256, (1, 30_000, 3), np.uint8)
    found = Geometry(224, 224, shortest_edge=224).pixels(Image.fromarray(line))
    assert found.shape == (224, 224, 3)
    middle = line[0, 14_998:15_002].astype(int)
    assert np.abs(found[:, 112].astype(int) - middle[[1, 2]].mean(0)).max() < 160


def test_cutting_first_gives_the_same_pixels() -> None:
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (20, 700, 3), np.uint8))
    geometry = Geometry(16, 16, shortest_edge=16)
    resized = picture.resize((560, 16), BICUBIC).crop((272, 0, 288, 16))
    assert np.abs(geometry.pixels(picture).astype(int) - np.asarray(resized)).max() <= 1


@pytest.mark.parametrize(
    ("config", "geometry"),
    [
        ({"size": 224, "crop_size": 224, "do_center_crop": True, "resample": 3}, Geometry(224, 224, 224, BICUBIC)),
        ({"size": 224, "resample": 2}, Geometry(224, 224, None, BILINEAR)),
        ({"size": [768, 768], "do_center_crop": False, "crop_size": 768}, Geometry(768, 768, None, BICUBIC)),
        ({"size": {"height": 384, "width": 256}}, Geometry(384, 256, None, BICUBIC)),
    ],
)
def test_a_size_is_written_in_many_ways(config: dict[str, object], geometry: Geometry, tmp_path: Path) -> None:
    means = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({**config, **means}))
    assert preprocessing(tmp_path).geometry == geometry


def test_half_a_checkpoint_is_one_line_for_the_user(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no preprocessor_config\.json; get the whole checkpoint"):
        preprocessing(tmp_path)
