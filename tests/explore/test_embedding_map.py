"""The map of the embeddings that a deduplicator stored: its answers, and what the page draws."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest

import dj_assets
from dj_assets.explore.embedding_map import principal
from dj_assets.explore.opened_run import OpenedRun
from dj_assets.explore.server import ExploreServer
from dj_assets.subset.finished import finished_run
from tests.browser.chromium import keep_screenshot, opened_page
from tests.operators.paraphrases import planted, save_model


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    folder = tmp_path_factory.mktemp("map")
    save_model(folder / "models" / "tiny")
    texts, _ = planted(200, 80)
    (folder / "data").mkdir()
    for part in range(2):
        lines = [json.dumps({"id": f"t{number}", "text": text}) for number, text in enumerate(texts[part::2])]
        (folder / "data" / f"{part}.jsonl").write_text("\n".join([*lines, json.dumps({"text": "qwertz"})]) + "\n")
    process = [{"text_length_filter": {"min_len": 82}}, {"semantic_deduplicator": {"embedding_model": "tiny"}}]
    recipe = {"project_name": "r", "process": process}
    dj_assets.run_recipe(recipe, [folder / "data"], folder / "out", models=folder / "models", workers=1)
    return folder


def test_components_are_those_of_the_covariance():
    random_numbers = np.random.default_rng(1)
    vectors = (random_numbers.standard_normal((300, 5)) * [900, 300, 20, 10, 5]).astype(np.int16)
    seen, shares = principal(vectors)
    assert abs(np.corrcoef(seen[:, 0], vectors[:, 0])[0, 1]) > 0.99
    assert abs(np.corrcoef(seen[:, 1], vectors[:, 1])[0, 1]) > 0.99
    assert shares[0] > 0.85
    assert 0.99 < sum(shares) <= 1
    assert seen.min() == 0
    assert seen.max() == 1
    assert np.array_equal(principal(vectors)[0], seen)
    assert principal(vectors[:1])[0].tolist() == [[0.5, 0.5]]
    assert principal(vectors[:, :1])[0].shape == (300, 2)


def test_the_map_has_the_samples_of_a_query(mapped):
    run = OpenedRun("out", *finished_run(str(mapped / "out")))
    try:
        assert run.about()["map"] is True
        answer = run.answer("map", {"query": {}, "by": "source file"})
        # the samples without an embedding are not on the map
        assert answer["total"] == len(answer["positions"]) + 2 == 282
        assert {point for pair in answer["points"] for point in pair} <= set(np.arange(0, 1.0001, 0.0001).round(4))
        assert [group["name"] for group in answer["groups"]] == ["0.jsonl", "1.jsonl"]
        files = run.samples.shard[answer["positions"]]
        assert np.array_equal(files, answer["colours"])
        kept = run.answer("map", {"query": {"kinds": ["kept"]}, "by": "outcome"})
        assert 0 < len(kept["positions"]) == kept["total"] < 280
        assert set(kept["colours"]) == {0}
        # a filter moves no point
        place = answer["positions"].index(kept["positions"][5])
        assert answer["points"][place] == kept["points"][5]
    finally:
        run.close()


def test_a_run_without_embeddings_has_no_map(opened):
    assert opened.about()["map"] is False
    assert opened.answer("map", {"query": {}, "by": "outcome"}) == {}


@pytest.mark.browser
def test_the_page_draws_the_map_and_opens_a_point(mapped):
    from playwright.sync_api import expect

    server = ExploreServer(0, folder=str(mapped / "out"))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with opened_page(height=1000, patience_s=30) as page:
            faults: list[str] = []
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
            page.goto(f"{server.url}out/")
            page.get_by_role("tab", name="Charts").click()
            chart = page.get_by_role("group", name="Map")
            expect(chart.get_by_role("img")).to_have_accessible_name(
                "Map of 280 samples by their embeddings, coloured by outcome: near points have near meanings"
            )
            expect(chart.locator(".map-key").first).to_contain_text("kept")
            keep_screenshot(page, "explore_map_outcome")
            chart.locator("select").select_option("source file")
            expect(chart.locator(".map-key")).to_have_text(["0.jsonl 141", "1.jsonl 141"])
            keep_screenshot(page, "explore_map_source")
            answer = server._run("out").answer("map", {"query": {}, "by": "source file"})
            x, y = answer["points"][0]
            canvas = chart.locator("canvas")
            box = canvas.bounding_box()
            scale = box["width"] / 720
            canvas.click(position={"x": scale * (10 + x * 700), "y": scale * (470 - y * 460)})
            expect(page.locator("#sample")).to_be_visible()
            page.keyboard.press("ArrowRight")
            expect(page.locator("#sample h2")).to_contain_text("t")
            keep_screenshot(page, "explore_map_sample")
            assert not faults
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
