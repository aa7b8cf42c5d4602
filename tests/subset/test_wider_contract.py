"""Recipes that select among all samples and make samples from others, against a plain loop over a list of samples."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from pathlib import Path

import duckdb
import pyarrow.dataset as ds
import pytest

import dj_assets
from dj_assets.analysis.explain import explain
from dj_assets.home.home import output_layout
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.subset.measured_run import MeasuredRun
from dj_assets.what_if.session import Session
from tests.documents import write_jsonl

WORDS = "alpha beta gamma delta epsilon | | | one two three !! ?? x y".split()


def records(seed: int, number: int = 60) -> list[dict[str, object]]:
    chosen = random.Random(seed)
    texts = [" ".join(chosen.choices(WORDS, k=chosen.randint(0, 12))) for _ in range(number)]
    return [{"id": f"s{n}", "text": text, "kind": chosen.choice("abbccc")} for n, text in enumerate(texts)]


def filter_length(samples, least):
    return [sample for sample in samples if len(sample["text"]) >= least]


def chunk_at_bars(samples):
    # a bar is a chunk of its own, as in Data-Juicer
    return [
        {**sample, "text": part} for sample in samples for part in re.split(r"( \| )", sample["text"]) if part.strip()
    ]


def chunk_windows(samples, size, overlap):
    made = []
    for sample in samples:
        text = sample["text"]
        starts = [0] if len(text) <= size else range(0, len(text), size - overlap)
        made += [{**sample, "text": text[start : start + size]} for start in starts]
    return made


def longest(samples, number):
    ranked = sorted(range(len(samples)), key=lambda n: -len(samples[n]["text"]))
    return [samples[n] for n in sorted(ranked[:number])] if len(samples) > 1 else samples


def middle(samples, low, high):
    if len(samples) < 2:
        return samples
    ranked = sorted(range(len(samples)), key=lambda n: len(samples[n]["text"]))[: int(high * len(samples))]
    ranked = sorted(ranked, key=lambda n: (-len(samples[n]["text"]), n))
    return [samples[n] for n in sorted(ranked[: int(high * len(samples)) - int(low * len(samples))])]


def most_frequent(samples, number):
    kinds = [kind for kind, _ in Counter(sample["kind"] for sample in samples).most_common(number)]
    return [sample for sample in samples if sample["kind"] in kinds] if len(samples) > 1 else samples


def without_copies(samples):
    first = {}
    for sample in samples:
        first.setdefault(sample["text"].strip(), sample)
    return list(first.values())


# an operator of a recipe, and the loop that does the same
STEPS = [
    ({"text_length_filter": {"min_len": 4}}, lambda samples: filter_length(samples, 4)),
    ({"text_length_filter": {"min_len": 9}}, lambda samples: filter_length(samples, 9)),
    ({"text_chunk_mapper": {"split_pattern": r" (?:\|) "}}, chunk_at_bars),
    (
        {"text_chunk_mapper": {"max_len": 12, "split_pattern": None, "overlap_len": 3}},
        lambda samples: chunk_windows(samples, 12, 3),
    ),
    (
        {"frequency_specified_field_selector": {"field_key": "kind", "topk": 2}},
        lambda samples: most_frequent(samples, 2),
    ),
    ({"document_deduplicator": {}}, without_copies),
]
BY_LENGTH = [
    (
        {"topk_specified_field_selector": {"field_key": "__dj__stats__.text_len", "topk": 25}},
        lambda samples: longest(samples, 25),
    ),
    (
        {
            "range_specified_field_selector": {
                "field_key": "__dj__stats__.text_len",
                "lower_percentile": 0.2,
                "upper_percentile": 0.9,
            }
        },
        lambda samples: middle(samples, 0.2, 0.9),
    ),
]
MEASURED = ({"text_length_filter": {"min_len": 1}}, lambda samples: filter_length(samples, 1))


def random_steps(seed: int):
    chosen = random.Random(seed)
    steps = []
    for _ in range(chosen.randint(2, 5)):
        # the length is measured right before it is judged
        steps += [MEASURED, chosen.choice(BY_LENGTH)] if chosen.random() < 0.3 else [chosen.choice(STEPS)]
    return steps


def in_files(folder: Path, samples: list[dict[str, object]], files: int) -> list[Path]:
    folder.mkdir()
    size = -(-len(samples) // files)
    return [write_jsonl(folder / f"part-{n}.jsonl", samples[n * size : (n + 1) * size]) for n in range(files)]


def refined(result: dj_assets.RunResult) -> list[tuple[str, str]]:
    rows = ds.dataset([str(path) for path in result.refined]).to_table().to_pylist()
    return [(row["text"], row["kind"]) for row in rows]


@pytest.mark.parametrize("seed", range(8))
def test_the_result_is_that_of_a_loop_in_files_and_in_pieces(seed, tmp_path, monkeypatch):
    samples, steps = records(seed), random_steps(seed)
    wanted = samples
    for _, loop in steps:
        wanted = loop(wanted)
    recipe = {"process": [step for step, _ in steps]}
    told = set()
    for files, limit in ((1, "1000"), (3, "0")):
        monkeypatch.setenv("DJ_ONE_NODE_SAMPLES", limit)
        inputs = in_files(tmp_path / f"in{files}", samples, files)
        result = dj_assets.run_recipe(recipe, inputs, tmp_path / f"out{files}", workers=1)
        assert refined(result) == [(sample["text"], sample["kind"]) for sample in wanted]
        told.add(tuple((step.operator, step.samples_in, step.samples_out, step.created) for step in result.funnel))
    assert len(told) == 1


RECIPE = {
    "process": [
        {"text_length_filter": {"min_len": 9}},
        {"text_chunk_mapper": {"split_pattern": r" \| "}},
        {"alphanumeric_filter": {"min_ratio": 0.6}},
        "document_deduplicator",
        {"text_length_filter": {"min_len": 3}},
        {"topk_specified_field_selector": {"field_key": "__dj__stats__.text_len", "top_ratio": 0.5}},
        {"random_selector": {"select_num": 30}},
    ]
}


def with_bounds(**bounds: dict[str, object]) -> dict[str, object]:
    """Return the recipe with other parameters: `_<index>` of each operator."""
    steps = [({step: {}} if isinstance(step, str) else step) for step in RECIPE["process"]]
    return {
        "process": [
            {name: {**given, **bounds.get(f"_{n}", {})} for name, given in step.items()} for n, step in enumerate(steps)
        ]
    }


MOVED = [
    with_bounds(_0={"min_len": 20}),
    with_bounds(_0={"min_len": 1}),
    with_bounds(_2={"min_ratio": 0.9}),
    with_bounds(_5={"top_ratio": 0.2}),
    with_bounds(_6={"select_num": 10, "seed": 7}),
]


@pytest.fixture
def source(tmp_path) -> list[Path]:
    return in_files(tmp_path / "in", records(99, 200), 3)


def test_a_moved_threshold_measures_nothing_again(source, tmp_path):
    first = dj_assets.run_recipe(RECIPE, source, tmp_path / "out", workers=1)
    layout = output_layout(tmp_path / "out")
    measured = {path: path.stat().st_mtime_ns for path in layout.work.glob("stats/*.parquet")}
    assert measured
    for number, recipe in enumerate(MOVED):
        moved = dj_assets.run_recipe(recipe, source, tmp_path / "out", overwrite=True, workers=1)
        assert {path: path.stat().st_mtime_ns for path in layout.work.glob("stats/*.parquet")} == measured
        fresh = dj_assets.run_recipe(recipe, source, tmp_path / f"fresh{number}", workers=1)
        assert refined(moved) == refined(fresh)
        assert _counts(moved) != _counts(first)


def _counts(result: dj_assets.RunResult) -> list[tuple[int, int]]:
    return [(step.samples_in, step.samples_out) for step in result.funnel]


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_children_keep_the_id_of_their_record_and_have_a_name_of_their_own(source, tmp_path, format):
    result = dj_assets.run_recipe(RECIPE, source, tmp_path / "out", workers=1, format=format)
    paths = [str(path) for path in result.refined]
    if format == "parquet":
        rows = ds.dataset(paths).to_table().to_pylist()
    else:
        rows = [json.loads(line) for path in result.refined for line in path.read_text().splitlines()]
    names = [row["__dj_id__"] for row in rows]
    assert len({*names}) == len(names) == result.samples_out
    assert all(name.partition("#")[0] == row["id"] for name, row in zip(names, rows, strict=True))


def test_every_sample_is_accounted_for(source, tmp_path):
    result = dj_assets.run_recipe(RECIPE, source, tmp_path / "out", workers=2)
    run = result.manifest
    assert run.created > run.expanded > 0
    assert run.samples_in + run.created == run.samples_out + run.dropped + run.quarantined + run.expanded
    with duckdb.connect(str(result.database), read_only=True) as connection:
        ids = connection.execute("SELECT id FROM stats").fetchall()
        left = connection.execute("SELECT id FROM dropped UNION ALL SELECT id FROM expanded").fetchall()
        children = connection.execute("SELECT sum(children) FROM expanded").fetchone()
    assert len(ids) == len({*ids}) == run.samples_in + run.created
    assert len(left) == run.dropped + run.expanded
    assert children == (run.created,)
    one = dj_assets.run_recipe(RECIPE, source, tmp_path / "one", workers=1)
    assert refined(one) == refined(result)


def test_explain_walks_from_the_parent_to_its_children_and_back(source, tmp_path):
    result = dj_assets.run_recipe(RECIPE, source, tmp_path / "out", workers=1)
    plan, layout = make_plan(load_recipe(RECIPE)), output_layout(tmp_path / "out")
    with duckdb.connect(str(result.database), read_only=True) as connection:
        (parent, number) = connection.execute("SELECT id, children FROM expanded ORDER BY children DESC, id").fetchone()
        (dropped,) = connection.execute(
            "SELECT id FROM dropped WHERE operator = 'topk_specified_field_selector' ORDER BY id"
        ).fetchone()
    [trace] = explain(plan, layout, result.manifest, parent)
    assert trace.outcome == f"replaced by {number} samples of text_chunk_mapper"
    assert trace.steps[1].ended
    children = trace.steps[1].details[0].split(", ")
    assert children == [f"{parent}#{n + 1}" for n in range(number)]
    for place, child in enumerate(children):
        [trace] = explain(plan, layout, result.manifest, child)
        assert trace.steps[0].summary.startswith("text_len = ")
        assert trace.steps[1].summary == f"makes this sample from {parent}, number {place + 1} of {number}"
    [trace] = explain(plan, layout, result.manifest, dropped)
    assert "not among the 0.5 of the samples with the largest" in trace.outcome
    assert [step.operator for step in trace.steps if step.ended] == ["topk_specified_field_selector"]


def test_other_commands_know_the_kinds(source, tmp_path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(json.dumps({**RECIPE, "project_name": "mine"}))
    result = dj_assets.run_recipe(recipe, source, tmp_path / "out", workers=1)
    changes = {0: {"min_len": 20}}
    moved = dj_assets.run_recipe(MOVED[0], source, tmp_path / "moved", workers=1)
    session = Session(load_recipe(recipe), tmp_path / "out", 1)
    try:
        tried = {step["operator"]: step["samples_out"] for step in session.whole(changes)["steps"]}
        assert tried == {step.operator: step.samples_out for step in moved.funnel}
        alone = {step["operator"]: step for step in session.filters(changes)["steps"]}
        assert [*alone] == ["text_length_filter", "text_chunk_mapper", "alphanumeric_filter", "text_length_filter_2"]
        for step in moved.funnel[:3]:
            assert alone[step.operator]["samples_out"] == step.samples_out
        # the deduplicator drops some, here it does not
        assert alone["text_length_filter_2"]["samples_in"] > moved.funnel[4].samples_in
    finally:
        session.close()
    run = MeasuredRun.open(tmp_path / "out", make_plan(load_recipe(recipe)))
    assert run.kept(run.plan).by_recipe == result.samples_out
