"""The back ends in this process, with the tiny checkpoints that the demo of synthesis makes."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from dj_assets.models import synthesis_checkpoints as tiny
from dj_assets.models.painting.diffusion import diffusion_painter
from dj_assets.models.painting.diffusion_inpainter import diffusion_inpainter
from dj_assets.models.painting.inpainter import InpaintRequest
from dj_assets.models.painting.painter import PaintRequest
from dj_assets.models.regions.masks import MaskRegions
from dj_assets.models.store import RANDOM, ModelStore
from dj_assets.models.text.chat import CallError, ChatRequest
from dj_assets.models.text.in_process import InProcessModel
from dj_assets.models.text.pictures import Picture
from dj_assets.subset import run_recipe

ASKED = (("system", "Be brief."), ("user", "Name an animal."))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    folder = tmp_path_factory.mktemp("models")
    tiny.write(folder)
    return ModelStore((folder,))


@pytest.fixture(scope="module")
def noise() -> Picture:
    return Picture.of(np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8))


def test_the_models_say_that_their_weights_are_random(store):
    for name in (tiny.TEXT, tiny.VISION, tiny.PAINTER, tiny.INPAINTER, tiny.MASKS):
        assert store.find(name).note == RANDOM


def test_an_answer_depends_on_the_request_alone(store):
    model = InProcessModel(store.find)
    name = model.model_name(tiny.TEXT)
    sampled = [
        ChatRequest(name, ASKED, {"temperature": 0.9, "top_p": 0.95, "max_tokens": 12}, attempt=attempt)
        for attempt in (0, 1, 2)
    ]
    texts = [model.answer(request).text for request in sampled]
    assert [model.answer(request).text for request in reversed(sampled)] == texts[::-1]
    assert len(set(texts)) > 1
    # without a temperature the most likely answer is taken, whatever the seed is
    greedy = [ChatRequest(name, ASKED, {"temperature": 0, "max_tokens": 12}, attempt=attempt) for attempt in (0, 1)]
    first, second = map(model.answer, greedy)
    assert (first.text, first.tokens_out) == (second.text, second.tokens_out)
    assert first.tokens_in and first.finish_reason in {"stop", "length"}


def test_a_vision_model_sees_images_and_a_text_model_refuses_them(store, noise):
    model = InProcessModel(store.find)
    asked = ChatRequest(model.model_name(tiny.VISION), ASKED, {"max_tokens": 5}, images=(noise,))
    alone = ChatRequest(model.model_name(tiny.VISION), ASKED, {"max_tokens": 5})
    assert model.answer(asked).tokens_in > model.answer(alone).tokens_in
    chosen = model.choose(ChatRequest(asked.model, ASKED, images=(noise,), options=("yes", "no")))
    assert chosen.text == ("yes", "no")[int(np.argmax(chosen.scores))] and all(score < 0 for score in chosen.scores)
    with pytest.raises(CallError, match="takes no images"):
        model.answer(ChatRequest(model.model_name(tiny.TEXT), ASKED, images=(noise,)))


def test_the_first_image_controls_the_second_one(store):
    painter = diffusion_painter(store.find(tiny.PAINTER).path)

    def request(second: str, seed: int = 1) -> PaintRequest:
        return PaintRequest("tiny", "a dog on a sofa", second, seed, steps=4)

    pair = painter.paint(request("a cat on a sofa"))
    plain = painter.painted(request("a cat on a sofa"), controlled=False)
    same = painter.paint(request("a dog on a sofa"))
    again = painter.paint(request("a cat on a sofa"))
    assert (same.first == same.second).all()
    assert (pair.first == plain.first).all() and (pair.second != plain.second).any()
    assert (pair.first == again.first).all() and (pair.second == again.second).all()
    assert (pair.first != pair.second).any()
    assert (painter.paint(request("a cat on a sofa", seed=2)).first != pair.first).any()


def test_what_is_painted_over_changes_alone(store, noise):
    painter = diffusion_inpainter(store.find(tiny.INPAINTER).path)
    mask = np.zeros((40, 60), bool)
    mask[8:24, 10:40] = True

    def painted(seed: int) -> np.ndarray:
        return painter.inpaint(InpaintRequest("tiny", noise, mask, "nothing", seed, dtype="fp32")).picture

    first = painted(1)
    assert first.shape == noise.pixels.shape and (first[~mask] == noise.pixels[~mask]).all()
    assert (first[mask] != noise.pixels[mask]).mean() > 0.5
    assert (painted(1) == first).all() and (painted(2)[mask] != first[mask]).any()


def test_a_mask_model_gives_boxes_within_the_picture(store, noise):
    found = MaskRegions(store.find(tiny.MASKS).path, 0.0, 0.0, 0.7, points=4).find(noise.pixels, noise.pixels)
    assert found[0] == found[1] != []
    assert all(0 <= box.left < box.right <= 60 and 0 <= box.top < box.bottom <= 40 for box in found[0])


def test_boxes_of_every_image_are_written_unless_they_are_there(store, noise, tmp_path):
    noise.pil().save(tmp_path / "a.png")
    Image.new("RGB", (30, 20), (200, 10, 10)).save(tmp_path / "b.png")
    known = {"__dj__bbox__": [[[1.0, 2.0, 3.0, 4.0]]]}
    records = [{"text": "", "images": ["a.png", "b.png"]}, {"text": "", "images": ["a.png"], "__dj__meta__": known}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    limits = {"min_mask_score": 0.0, "min_stability": 0.0, "points_per_side": 4, "iou": 0.7}
    process = [{"image_segment_mapper": {"imgsz": 1024, "conf": 0.05, "model_path": "FastSAM-x.pt", **limits}}]
    run_recipe({"process": process}, [tmp_path / "in.jsonl"], tmp_path / "out", workers=1, models=store.folders[0])
    rows = [row for part in sorted((tmp_path / "out/refined").iterdir()) for row in pq.read_table(part).to_pylist()]
    found, kept = (row["__dj__meta__"]["__dj__bbox__"] for row in rows)
    wanted = MaskRegions(store.find(tiny.MASKS).path, 0.0, 0.0, 0.7, points=4).regions(noise.pixels)
    assert found[0] == [list(region.centred) for region in wanted] != []
    assert len(found) == 2 and all(0 < x < 30 and 0 < y < 20 for x, y, _, _ in found[1])
    assert kept == known["__dj__bbox__"]
