"""Every operator that takes a CLIP model takes a checkpoint of open_clip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from dj_assets.models.store import ModelStore
from dj_assets.operators.registry import find, operator_names
from tests.media import samples
from tests.models.vision.open_clip_checkpoints import make_open_clip
from tests.operators.vision import IMAGE, VIDEO, frames_of, write_clip, write_images

NAME = "laion/tiny"
IMAGES, FIRST, SECOND, TAGS = ["a.png", "b.png"], "a cat", "the dog, asleep", ("cat", "dog")
CUT = (5, 5, 25, 25)
BOX = {"box": [15.0, 15.0, 20.0, 20.0]}


class Library:
    """What open_clip alone says of the files."""

    def __init__(self, folder: Path) -> None:
        import open_clip

        model, _, self.transform = open_clip.create_model_and_transforms(f"local-dir:{folder / 'models' / NAME}")
        self.model, self.tokens = model.eval(), open_clip.get_tokenizer(f"local-dir:{folder / 'models' / NAME}")
        self.a, self.b = (Image.open(folder / name).convert("RGB") for name in IMAGES)
        self.frames = frames_of(folder / "a.mp4", [0, 4, 8])
        self.scale = float(self.model.logit_scale.detach().exp()) / 100

    def see(self, *pictures: Image.Image) -> np.ndarray:
        import torch

        with torch.no_grad():
            return self.model.encode_image(torch.stack([*map(self.transform, pictures)]), normalize=True).numpy()

    def read(self, *texts: str) -> np.ndarray:
        import torch

        with torch.no_grad():
            return self.model.encode_text(self.tokens([*texts]), normalize=True).numpy()

    def crops(self) -> float:
        return float(np.dot(*self.see(self.a.crop(CUT), self.b.resize(self.a.size).crop(CUT))))

    def tags(self, least: float) -> list[str]:
        scores = self.see(*self.frames) @ self.read(*(f"a photo of {tag}" for tag in TAGS)).T * self.scale
        best_first = ([TAGS[index] for index in np.argsort(-row) if row[index] >= least] for row in scores)
        return [tag for tag, _ in Counter(tag for frame in best_first for tag in frame).most_common()]


class Case(NamedTuple):
    """A sample, the name of what is measured of it, its value by open_clip alone, and parameters."""

    record: Mapping[str, Any]
    measured: str
    wanted: Callable[[Library], Any]
    parameters: Mapping[str, Any]


PAIR = {"text": "", "images": IMAGES}
CASES = {
    "image_text_similarity_filter": Case(
        {"text": f"{IMAGE} {FIRST}", "images": ["a.png"]},
        "image_text_similarity",
        lambda library: [float(library.see(library.a)[0] @ library.read(FIRST)[0]) * library.scale],
        {},
    ),
    "image_pair_similarity_filter": Case(
        PAIR,
        "image_pair_similarity",
        lambda library: [float(np.dot(*library.see(library.a, library.b)))],
        {},
    ),
    "img_diff_crop_similarity_filter": Case({**PAIR, **BOX}, "crop_similarity", Library.crops, {}),
    "img_diff_caption_filter": Case(
        {"text": FIRST, "caption2": SECOND},
        "caption_tokens",
        lambda library: len(library.tokens.tokenizer("the dog asleep").input_ids),
        {},
    ),
    "text_pair_similarity_filter": Case(
        {"text": FIRST, "second": SECOND},
        "text_pair_similarity",
        lambda library: [float(np.dot(*library.read(FIRST, SECOND)))],
        {"text_key_second": "second"},
    ),
    "video_frames_text_similarity_filter": Case(
        {"text": f"{VIDEO} {FIRST}", "videos": ["a.mp4"]},
        "video_frames_text_similarity",
        lambda library: [float(np.mean(library.see(*library.frames) @ library.read(FIRST)[0])) * library.scale],
        {},
    ),
    "video_tagging_from_frames_filter": Case(
        {"text": VIDEO, "videos": ["a.mp4"]},
        "video_frame_tags_contained",
        lambda library: [len(library.tags(0.0)) / len(TAGS)],
        {"tag_list": TAGS, "tags": TAGS, "min_similarity": 0.0},
    ),
    "video_tagging_from_frames_mapper": Case(
        {"text": VIDEO, "videos": ["a.mp4"]},
        "__dj__meta__.video_frame_tags",
        lambda library: [library.tags(-2.0)],
        {"tag_list": TAGS, "min_similarity": -2.0},
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_images(folder)
    write_clip(folder / "a.mp4", seed=1)
    make_open_clip(folder / "models" / NAME, "siglip")
    return folder


@pytest.fixture(scope="module")
def library(folder: Path) -> Library:
    return Library(folder)


def test_all_operators_with_a_clip_model_are_tried() -> None:
    kinds = {name: find(name) for name in operator_names()}
    assert {name for name, kind in kinds.items() if kind and "hf_clip" in kind.model_fields} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_the_value_is_that_of_open_clip(name: str, folder: Path, library: Library) -> None:
    case, kind = CASES[name], find(name)
    assert kind
    operator = kind(hf_clip=NAME, **{kind.recipe_names.get(key, key): of for key, of in case.parameters.items()})
    batch = samples([dict(case.record)], folder, models=ModelStore((folder / "models",)))
    found = (operator.extract if hasattr(operator, "extract") else operator.measure)(batch)
    (value,) = found[case.measured].to_pylist()
    wanted = case.wanted(library)
    # words are not numbers
    assert value == (wanted if name.endswith("mapper") else pytest.approx(wanted, abs=1e-4))
