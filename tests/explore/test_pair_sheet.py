"""The pair sheet on the page of a sample: what the server answers, and where a browser draws it."""

from __future__ import annotations

import io
import threading
import urllib.error
import urllib.request

import numpy as np
import pytest
from PIL import Image

from dj_assets.explore.opened_run import OpenedRun
from dj_assets.explore.server import ExploreServer
from dj_assets.subset.finished import finished_run
from dj_assets.views.pair_pictures import heat_map
from tests.browser.chromium import keep_screenshot, opened_page
from tests.img_diff import run, write_captions

BOUNDS = {"img_diff_crop_similarity_filter": {"min_score": -1, "max_score": 0.99}}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        source = write_captions(tmp_path_factory.mktemp("pairs"), patch)
        run(source, **BOUNDS)
    # what is looked at needs no model
    return source.parent / "out"


@pytest.fixture
def opened(out):
    opened = OpenedRun("out", *finished_run(str(out)))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def server(out):
    server = ExploreServer(0, folder=str(out))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def position_of(opened: OpenedRun, name: str) -> int:
    return next(at for at in range(len(opened.samples)) if opened.sample({"position": at})["id"] == name)


def test_the_answer_names_every_box_and_which_one_is_asked_for(opened):
    at = position_of(opened, "0#3")
    sample = opened.sample({"position": at})
    boxes = sample["pair"]["boxes"]
    assert len(boxes) == 17 and [box["id"] for box in boxes if box["here"]] == ["0#3"]
    assert boxes[2] == {**boxes[2], "area": (32.0, 0.0, 16.0, 16.0), "position": at, "style": "kept", "label": "kept"}
    assert boxes[0]["label"] == "dropped by img_diff_crop_similarity_filter"
    assert boxes[0]["values"]["crop_similarity"] == pytest.approx(1)
    assert sum(entry["boxes"] for entry in sample["pair"]["legend"]) == 17
    assert {part["text"] for part in sample["pair"]["captions"][1] if part["kind"] == "added"} == {"cat"}
    # the trace is read from what is kept: no model, and no image, is needed
    assert opened.answer("trace", {"position": at})["steps"]


def test_the_heat_map_is_that_of_the_files(server, opened):
    at = position_of(opened, "0#3")

    def fetched(path: str) -> np.ndarray:
        with urllib.request.urlopen(f"{server.url}out/{path}") as answer:
            return np.asarray(Image.open(io.BytesIO(answer.read())).convert("RGB"))

    pair = [fetched(f"media?position={at}&kind=images&number={side}") for side in (0, 1)]
    assert (fetched(f"heat?position={at}") == heat_map(*pair)).all()
    with pytest.raises(urllib.error.HTTPError):
        fetched("heat?position=9999")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_draws_the_boxes_where_they_are(server, scheme):
    from playwright.sync_api import expect

    with opened_page() as page:
        page.emulate_media(color_scheme=scheme)
        problems = []
        page.on("pageerror", lambda problem: problems.append(str(problem)))
        page.goto(f"{server.url}out/")
        page.locator(".sample-row").filter(has_text="0#3").first.click()
        pictures = page.locator(".sheet img")
        expect(pictures).to_have_count(3)
        for picture in pictures.all():
            picture.evaluate("image => image.decode()")
        expect(page.locator(".sheet svg").first).to_have_attribute("viewBox", "0 0 64 64")
        assert page.locator(".sheet svg .box.kept.here").count() == 3
        for index in range(3):
            frame = pictures.nth(index).bounding_box()
            drawn = page.locator(".sheet svg").nth(index).locator(".box.here rect.rim").bounding_box()
            scale = frame["width"] / 64
            # the stroke is drawn around the box
            assert abs(drawn["x"] - frame["x"] - 32 * scale) < 5 and abs(drawn["y"] - frame["y"]) < 5
            assert abs(drawn["width"] - 16 * scale) < 9 and abs(drawn["height"] - 16 * scale) < 9
        expect(page.locator(".sheet del")).to_have_text("dog")
        expect(page.locator(".sheet ins")).to_have_text("cat")
        keep_screenshot(page, f"pair_sheet_{scheme}")
        page.locator(".sheet summary").click()
        page.get_by_role("button", name="Open box 1", exact=True).click()
        expect(page.locator("#sample-title")).to_have_text("0#1")
        expect(page.locator("#trace .step").first).to_be_visible()
        assert problems == []
