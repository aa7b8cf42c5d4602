from __future__ import annotations

import random
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dj_assets.analysis.explain import explain
from dj_assets.errors import TextModelError
from dj_assets.home.home import output_layout
from dj_assets.models.text.budget import Budget
from dj_assets.models.text.chat import Answer
from dj_assets.operators.selectors.img_diff_box_selector import ImgDiffBoxSelector, _described
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.stores.generations import Generations
from tests.img_diff import ASK, pipeline, run, write_captions


@pytest.fixture
def captions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return write_captions(tmp_path, monkeypatch)


def test_boxes_are_samples_and_thresholds_are_judged_without_a_model(captions, monkeypatch):
    first = run(captions)
    funnel = {step.operator: step for step in first.manifest.funnel}
    assert (funnel["img_diff_box_mapper"].samples_in, funnel["img_diff_box_mapper"].created) == (2, 34)
    assert first.samples_out == funnel["img_diff_box_selector"].samples_out > 0

    folder = captions.parent / "out"
    (record, *_) = pq.read_table(folder / "refined").to_pylist()
    assert [turn["from"] for turn in record["conversations"]] == ["human", "gpt"]
    assert record["bbox"].startswith("[") and record["captions1"] == "a thing" and len(record["marked_images"]) == 2
    assert all((folder / name).is_file() for name in [*record["images"], *record["marked_images"]])

    with duckdb.connect(str(folder / "stats.duckdb"), read_only=True) as connection:
        calls = dict(connection.execute("SELECT operator, count(*) FROM generations GROUP BY ALL").fetchall())
        kept = "SELECT id FROM stats ANTI JOIN dropped USING (shard, row) WHERE created_at IS NOT NULL ORDER BY row"
        box = connection.execute(kept).fetchall()[0][0]
    assert calls["sentence_augmentation_mapper"] == calls["sdxl_prompt2prompt_mapper"] == 2
    assert calls["image_pair_natural_filter"] == 2

    # the calls about images are found by decoding them again; nothing is asked
    monkeypatch.setenv("DJ_LLM", "http://127.0.0.1:9/v1")
    plan = make_plan(load_recipe(pipeline()))
    [trace] = explain(plan, output_layout(folder), first.manifest, box)
    asked = {step.operator: [call.answer for call in step.calls] for step in trace.steps if step.calls}
    assert asked["image_pair_natural_filter"] == asked["img_diff_difference_mapper"] == ["a thing"]
    assert asked["img_diff_region_caption_mapper"] == ["a thing"] * 2
    assert (folder / "generations.parquet").is_file()

    # no model answers any more: all is judged over what was measured
    tighter = run(captions, img_diff_region_match_filter={"min_score": 1.0}, img_diff_box_selector={"max_boxes": 1})
    assert tighter.samples_out == 0
    assert {step.operator: step for step in tighter.manifest.funnel}["img_diff_box_selector"].samples_out == 2


def test_the_recipe_of_the_hub_loads_as_it_is_with_one_step_for_each_threshold():
    both = {"min_score": 0.4, "max_score": 1.0, "hf_blip": "Salesforce/blip-itm-base-coco", "num_proc": 1}
    pair = {"min_score_1": 0.9, "max_score_1": 0.99, "min_score_2": 0, "max_score_2": 0.85, "num_proc": 1}
    segment = {"imgsz": 1024, "conf": 0.05, "iou": 0.5, "model_path": "FastSAM-x.pt"}
    areas = {
        "image_pair_similarity_filter_args": pair,
        "image_segment_mapper_args": segment,
        "image_text_matching_filter_args": both,
    }
    texts = {"min_score": 0, "max_score": 0.8, "text_key_second": "target_text", "num_proc": 1}
    told = {"mllm_mapper_args": {"max_new_tokens": 1024, "temperature": 0.2, "num_beams": 1}}
    told |= {"image_text_matching_filter_args": both, "text_pair_similarity_filter_args": texts}
    sentence = {"text_key": "caption1", "max_new_tokens": 512, "temperature": 0.9, "top_p": 0.95, **ASK}
    painter = {"torch_dtype": "fp16", "text_key": "caption1", "text_key_second": "caption2"}
    process = [
        {"sentence_augmentation_mapper": sentence},
        {"sdxl_prompt2prompt_mapper": painter},
        {"imgdiff_difference_area_generator_mapper": areas},
        {"imgdiff_difference_caption_generator_mapper": told},
    ]
    recipe = load_recipe({"text_keys": "caption1", "np": 1, "open_tracer": True, "process": process})
    assert recipe.entries == (0, 1, *[2] * 6, *[3] * 6)
    steps = {step.label: step.operator for step in make_plan(recipe).steps}
    similarity, crops = steps["image_pair_similarity_filter"], steps["img_diff_crop_similarity_filter"]
    assert (similarity.min_score, similarity.max_score, crops.max_score) == (0.9, 0.99, 0.85)
    assert (steps["img_diff_region_match_filter"].min_score, steps["text_pair_similarity_filter"].max_score) == (
        0.4,
        0.8,
    )
    assert steps["img_diff_box_area_filter_2"].max_area == 0.1
    assert any("FastSAM-x.pt" in notice for notice in recipe.notices)


def overlap(a: list[float], b: list[float]) -> float:
    wide = max(0, min(a[2], b[2]) - max(a[0], b[0]) + 1)
    high = max(0, min(a[3], b[3]) - max(a[1], b[1]) + 1)
    areas = [(c[2] - c[0] + 1) * (c[3] - c[1] + 1) for c in (a, b)]
    return wide * high / (sum(areas) - wide * high)


@pytest.mark.parametrize(("order", "most"), [("given", None), ("cosine", 3)])
def test_boxes_are_suppressed_as_by_a_loop_over_the_boxes_of_each_pair(order, most):
    chance = random.Random(5)
    boxes = [
        (
            chance.choice("ab|"),
            [chance.randint(10, 40), chance.randint(10, 40), 20.0, chance.randint(8, 30)],
            chance.random(),
        )
        for _ in range(60)
    ]
    expected = []
    for pair in "ab|":
        own = [(number, box, cosine) for number, (name, box, cosine) in enumerate(boxes) if name == pair]
        taken: list[tuple[int, list[float]]] = []
        for number, (x, y, w, h), _ in sorted(own, key=lambda entry: entry[2]) if order == "cosine" else own:
            corners = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
            if all(overlap(corners, other) <= 0.5 for _, other in taken) and (most is None or len(taken) < most):
                taken.append((number, corners))
        expected += [number for number, _ in taken]
    table = {"sample": range(60), "value": [_described(*box) for box in boxes]}
    query = ImgDiffBoxSelector(box_order=order, max_boxes=most).selection(60)
    with duckdb.connect() as connection:
        connection.register("samples", pa.table({"sample": pa.array(table["sample"]), "value": table["value"]}))
        found = sorted(row[0] for row in connection.execute(query.text, list(query.parameters)).fetchall())
    assert found == sorted(expected)


def test_a_run_stops_at_its_budget_and_goes_on_later(captions, monkeypatch):
    monkeypatch.setenv("DJ_LLM_MAX_CALLS", "3")
    with pytest.raises(TextModelError, match="calls have reached DJ_LLM_MAX_CALLS=3"):
        run(captions)
    kept = Generations(str(captions.parent / "out" / "generations"))
    made = dict(kept.records())
    assert len(made) == 3
    monkeypatch.setenv("DJ_LLM_MAX_CALLS", "1000")
    assert run(captions).samples_out > 0
    assert made.items() <= dict(kept.records()).items()

    # money: the table counts words as tokens
    (captions.parent / "prices.json").write_text('{"a-model": {"in": 500000, "out": 0}}')
    monkeypatch.setenv("DJ_LLM_PRICES", str(captions.parent / "prices.json"))
    monkeypatch.setenv("DJ_LLM_MAX_COST", "6")
    spending = Generations(str(captions.parent / "spent"))
    budget = Budget.of_settings()
    for _ in range(3):
        budget.begin("a-model", spending)
        budget.end("a-model", Answer("yes", 4, 1), spending)
    with pytest.raises(TextModelError, match="cost have reached DJ_LLM_MAX_COST=6"):
        budget.begin("a-model", spending)
    with pytest.raises(TextModelError, match="no price of 'another'"):
        budget.begin("another@0123456789ab", spending)
