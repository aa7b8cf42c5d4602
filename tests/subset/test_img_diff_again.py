"""Img-Diff with a server of a vision language model: killed, run again, on Ray, and with other bounds."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from dj_assets.subset import run_recipe
from tests.img_diff import CAPTIONS, pipeline
from tests.models.chat_server import ChatServer, chat_server

BOUNDS = {
    "img_diff_box_mapper": {"cells": 2},
    "img_diff_box_area_filter": {"max_area": 1.0},
    "img_diff_crop_similarity_filter": {"max_score": 0.9999},
}
_SCRIPT = """
import json, sys, dj_assets
dj_assets.run_recipe(json.loads(sys.argv[1]), [sys.argv[2]], sys.argv[3], workers=1, overwrite=True)
"""


def recipe(**changed: dict[str, object]) -> dict[str, object]:
    quick = {"model_params": {"max_retries": 0, "timeout": 20}}
    names = ("sentence_augmentation_mapper", "image_pair_natural_filter", "img_diff_region_caption_mapper")
    asking = dict.fromkeys((*names, "img_diff_difference_mapper"), quick)
    steps = {name: {**asking.get(name, {}), **BOUNDS.get(name, {})} for name in {*asking, *BOUNDS}}
    return pipeline(**{name: {**steps.get(name, {}), **changed.get(name, {})} for name in {*steps, *changed}})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    monkeypatch.delenv("DJ_LLM", raising=False)
    monkeypatch.setenv("DJ_PAINTER", "canned")
    monkeypatch.setenv("DJ_LLM_CALLS", "1")
    with chat_server() as server:
        server.reply = reply
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        yield server


def reply(prompt: str) -> str:
    """Another caption for a caption, else a sentence."""
    found = (second for first, second in CAPTIONS.items() if f'"{first}"' in prompt)
    return next(found, "a thing")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"id": str(n), "caption1": text}) + "\n" for n, text in enumerate(CAPTIONS)))
    return path


def run(source: Path, out: Path, *, engine: str = "local", **changed: dict[str, object]):
    return run_recipe(recipe(**changed), [source], out, workers=1, overwrite=True, engine=engine)


def refined(out: Path) -> list[dict]:
    return [row for part in sorted((out / "refined").iterdir()) for row in pq.read_table(part).to_pylist()]


def statistics(out: Path) -> list[tuple[object, ...]]:
    with duckdb.connect(str(out / "stats.duckdb"), read_only=True) as connection:
        return connection.execute("SELECT * FROM stats ORDER BY shard, row").fetchall()


def painted(out: Path) -> Counter[str]:
    records = (
        json.loads(path.read_bytes())["request"]["prompt"] for path in (out / "generations").glob("*/[!.]*.json")
    )
    return Counter(prompt.partition("/")[0] for prompt in records)


def test_killed_at_three_moments_nothing_is_asked_twice(source, tmp_path, server):
    run(source, tmp_path / "whole")
    expected, calls = refined(tmp_path / "whole"), server.calls
    assert expected and set(server.asked.values()) == {1} and calls >= 8
    server.asked.clear()
    out = tmp_path / "out"
    server.pause = 0.15
    lost = 0
    # while captions are written, while pairs are judged, and while regions are described
    for begun in (1, 3, 6):
        killed = subprocess.Popen([sys.executable, "-c", _SCRIPT, json.dumps(recipe()), str(source), str(out)])
        deadline = time.monotonic() + 120
        while server.calls < begun + lost and time.monotonic() < deadline and killed.poll() is None:
            time.sleep(0.01)
        assert killed.poll() is None, "it was killed too late"
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        time.sleep(0.3)
        lost = server.calls - (sum(painted(out).values()) - painted(out)["sdxl_prompt2prompt_mapper"])
        assert lost <= 3
    server.pause = 0
    run(source, out)
    assert refined(out) == expected
    assert statistics(out) == statistics(tmp_path / "whole")
    # only the calls that were under way are repeated, one at each kill
    assert len(server.asked) == calls and server.calls - calls == lost <= 3
    assert painted(out) == painted(tmp_path / "whole")
    assert painted(out)["sdxl_prompt2prompt_mapper"] == 2


def test_moved_bounds_of_every_judged_step_ask_nothing(source, tmp_path, server):
    out = tmp_path / "out"
    first = run(source, out)
    asked = server.calls
    moved = {
        "image_pair_similarity_filter": {"max_score": 0.99},
        "img_diff_box_area_filter": {"max_area": 0.2},
        "img_diff_object_filter": {"min_score": 0.3, "score": "itc", "object_rule": "or"},
        "img_diff_crop_similarity_filter": {"max_score": 0.99},
        "img_diff_box_selector": {"iou": 0.1, "max_boxes": 1, "box_order": "cosine"},
        "img_diff_region_match_filter": {"min_score": 0.9},
    }
    counts = [run(source, out, **{name: values}).samples_out for name, values in moved.items()]
    assert server.calls == asked
    assert max(counts) <= first.samples_out and len({*counts, first.samples_out}) > 1
    assert run(source, out).samples_out == first.samples_out
    assert server.calls == asked
