from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import dj_assets
from dj_assets.measure.cascade import passing
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import Plan, make_plan
from tests.media import made

PROCESS: list[Any] = [
    {"video_resolution_filter": {"min_width": 90}},
    {"video_motion_score_filter": {"min_score": 1.0}},
    {"text_length_filter": {"min_len": 5}},
    "video_deduplicator",
    {"video_motion_score_filter": {"min_score": 0.0, "sampling_fps": 5}},
]


def recipe(stats: Literal["full", "cascade"], process: list[Any] | None = None) -> dict[str, Any]:
    return {"asset": {"subset": "clips", "group": "tests", "stats": stats}, "process": process or PROCESS}


def plan(stats: Literal["full", "cascade"], *process: Any) -> Plan:
    return make_plan(load_recipe(recipe(stats, list(process))))


def results(folder: Path, stats: Literal["full", "cascade"]) -> dict[str, Any]:
    out = folder / stats
    dj_assets.run_recipe(recipe(stats), [folder / "in.jsonl"], out, workers=1)
    tables = {name: pq.read_table(out / f"{name}.parquet").to_pylist() for name in ("dropped", "quarantine", "stats")}
    kept = pq.read_table(sorted((out / "refined").glob("*.parquet")), columns=["id"])["id"].to_pylist()
    return {**tables, "kept": kept, "funnel": json.loads((out / "funnel.json").read_text())}


def test_a_cascade_keeps_what_a_full_measure_keeps(tmp_path: Path) -> None:
    made.clip(tmp_path / "good.mp4", 12, seed=1)
    made.clip(tmp_path / "copy.mp4", 12, seed=1)
    made.clip(tmp_path / "small.mp4", 12, width=64, seed=2)
    made.clip(tmp_path / "one.mp4", 1, seed=3)
    made.clip(tmp_path / "short_text.mp4", 12, seed=4)
    (tmp_path / "broken.mp4").write_bytes((tmp_path / "good.mp4").read_bytes()[:300])
    records = [
        {"id": path.stem, "text": "x" if path.stem == "short_text" else "a caption", "videos": [path.name]}
        for path in sorted(tmp_path.glob("*.mp4"))
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    full, cascade = results(tmp_path, "full"), results(tmp_path, "cascade")
    assert len(full["kept"]) == 1
    for name in ("kept", "dropped", "quarantine"):
        assert cascade[name] == full[name]
    assert [{**step, "seconds": 0} for step in full["funnel"]] == [
        {key: 0 if key == "seconds" else value for key, value in step.items() if key != "conditional"}
        for step in cascade["funnel"]
    ]
    assert [step.get("conditional", False) for step in cascade["funnel"]] == [False, True, False, False, True]
    by_id = {row["id"]: row for row in cascade["stats"]}
    complete = {row["id"]: row for row in full["stats"]}
    assert by_id["small"]["video_motion_score"] is None
    assert complete["small"]["video_motion_score"][0] > 1
    assert by_id["short_text"]["video_motion_score_2"] is None
    assert by_id["good"] == complete["good"]


def test_the_first_filter_and_cheap_ones_see_all() -> None:
    motion, length = "video_motion_score_filter", "text_length_filter"
    assert plan("cascade", motion, length, length).conditional == frozenset()
    assert plan("cascade", length, motion, "perplexity_filter").conditional == {1, 2}
    assert plan("full", length, motion).conditional == frozenset()


def test_thresholds_before_a_conditional_filter_are_part_of_what_is_measured() -> None:
    def hash_of(stats: Literal["full", "cascade"], length: int, score: float = 1.0, after: int = 9) -> str:
        first, last = {"text_length_filter": {"min_len": length}}, {"text_length_filter": {"min_len": after}}
        return plan(stats, first, {"video_motion_score_filter": {"min_score": score}}, last).stats_hash

    assert hash_of("full", 5) == hash_of("full", 6)
    assert hash_of("cascade", 5) != hash_of("cascade", 6)
    assert hash_of("cascade", 5) != hash_of("full", 5)
    assert hash_of("cascade", 5, 1.0, 9) == hash_of("cascade", 5, 2.0, 8)


def test_null_and_nan_do_not_pass() -> None:
    steps = plan("full", {"alphanumeric_filter": {"min_ratio": 0.5}}).steps
    ratios = pa.array([0.4, 0.6, None, np.nan, 0.5], pa.float64(), from_pandas=False)
    assert passing(steps, {"alnum_ratio": ratios}).tolist() == [False, True, False, False, True]
