"""The two images of a sample."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from dj_assets.errors import SampleError
from dj_assets.models.store import ModelStore
from dj_assets.models.vision.clip import ClipModel
from dj_assets.operators.image.image_pair_similarity_filter import ImagePairSimilarityFilter
from tests.models.vision.tiny import CLIP
from tests.operators.vision import measured, scored, write_images


def test_a_pair_has_a_cosine(tmp_path: Path, models: ModelStore) -> None:
    write_images(tmp_path)
    records = [{"images": ["a.png", "c.png"]}, {"images": []}]
    found = measured(ImagePairSimilarityFilter(), tmp_path, models, *records)
    a, c = scored(
        ClipModel, "encode_images", models.find(CLIP).path, [Image.open(tmp_path / n) for n in ("a.png", "c.png")]
    )
    assert found == [pytest.approx([float(a @ c)], abs=1e-5), []]


@pytest.mark.parametrize("images", [["a.png"], ["a.png", "a.png"], ["a.png", "b.png", "c.png"]])
def test_anything_but_two_different_images_fails(images: list[str], tmp_path: Path, models: ModelStore) -> None:
    write_images(tmp_path)
    with pytest.raises(SampleError, match="a pair of images is needed"):
        measured(ImagePairSimilarityFilter(), tmp_path, models, {"images": images})
