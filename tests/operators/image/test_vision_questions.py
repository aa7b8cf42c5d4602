"""Operators that ask a vision language model about the images or clips of samples, against a server that counts."""

from __future__ import annotations

import json
import re

import pyarrow.parquet as pq
import pytest

import dj_assets
from tests.models.chat_server import chat_server
from tests.operators.vision import write_clip, write_images


@pytest.fixture
def server(monkeypatch):
    with chat_server() as serving:
        monkeypatch.setenv("DJ_LLM", serving.url)
        monkeypatch.delenv("DJ_VLM", raising=False)
        yield serving


def run(folder, records: list[dict], *process: object) -> list[dict]:
    (folder / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    dj_assets.run_recipe({"process": [*process]}, [folder / "in.jsonl"], folder / "out", workers=1, overwrite=True)
    return [row for part in sorted((folder / "out/refined").iterdir()) for row in pq.read_table(part).to_pylist()]


def parts_of(body: dict) -> tuple[str, int]:
    """Return the text of a question and the number of its pictures."""
    content = body["messages"][-1]["content"]
    if isinstance(content, str):
        return content, 0
    return "".join(part.get("text", "") for part in content), sum(part["type"] == "image_url" for part in content)


def test_a_question_is_asked_about_all_images_of_a_sample(server, tmp_path):
    first, second, _ = write_images(tmp_path)
    server.reply = lambda prompt: "seen" if "image_url" in prompt else "read"
    records = [
        {"text": "a", "query": "What is it?", "images": [first, second, first]},
        {"text": "b", "query": "Who?", "images": []},
        {"text": "c", "query": "", "images": [first]},
    ]
    rows = run(tmp_path, records, {"vlm_ray_vllm_engine_pipeline": {"system_prompt": "Be short."}})
    assert [row["response"] for row in rows] == ["seen", "read", None]
    assert sorted(map(parts_of, server.bodies)) == [("What is it?", 2), ("Who?", 0)]
    assert all(body["messages"][0] == {"role": "system", "content": "Be short."} for body in server.bodies)


def test_clips_are_described_by_frames(server, tmp_path):
    for number, name in enumerate(("a", "b")):
        write_clip(tmp_path / f"{name}.mp4", seed=number)
    server.reply = lambda prompt: f"caption of {len(re.findall('image_url', prompt)) // 2} frames"
    marked = "<__dj__video> old <|__dj__eoc|> no clip <|__dj__eoc|> <__dj__video>"
    records = [
        {"text": marked, "videos": ["a.mp4", "b.mp4"], "wish": "Count."},
        {"text": "no mark", "videos": ["b.mp4"]},
        {"text": "no clip", "videos": []},
    ]
    step = {"frame_num": 4, "caption_num": 2, "keep_candidate_mode": "all", "prompt_key": "wish"}
    rows = run(tmp_path, records, {"video_captioning_from_vlm_mapper": {**step, "keep_original_sample": False}})
    caption = "<__dj__video> caption of 4 frames"
    assert [row["text"] for row in rows] == [
        *[f"{caption} <|__dj__eoc|>{caption} <|__dj__eoc|>"] * 2,
        *[f"{caption}<|__dj__eoc|>"] * 2,
    ]
    asked = [(*parts_of(body), body.get("seed")) for body in server.bodies]
    assert len(asked) == 6
    assert {frames for _, frames, _ in asked} == {4}
    assert sum(text == "Count." for text, _, _ in asked) == 4
    assert sum(seed == 1 for _, _, seed in asked) == 3
    assert len(run(tmp_path, records, {"video_captioning_from_vlm_mapper": step})) == 7
    assert len(server.bodies) == 6, "every call is kept"
