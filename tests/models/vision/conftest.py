from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dj_assets.models.vision.pixels import Geometry, Uint8s
from tests.models.vision.tiny import shared_vision_models

TEXTS = ["a cat and the dog", "", "it’s &amp; Ａ  ﬁ <|endoftext|> x", "\tthe\n\nCAT " * 40, "数据 e\u0301 \x00 😀"]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of tiny checkpoints under the names of the real ones."""
    return shared_vision_models(tmp_path_factory)


@pytest.fixture(scope="session")
def pictures() -> list[Image.Image]:
    random = np.random.default_rng(3)
    shapes = [(48, 64), (97, 33), (32, 32), (40, 131), (200, 201)]
    return [Image.fromarray(random.integers(0, 256, (h, w, 3), np.uint8)) for h, w in shapes]


def crops(geometry: Geometry, pictures: list[Image.Image]) -> list[Uint8s]:
    return [geometry.pixels(picture) for picture in pictures]
