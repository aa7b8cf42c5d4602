"""Recipes that make one sample of many, against a plain loop over a list of samples."""

from __future__ import annotations

import json
import random
from pathlib import Path

import duckdb
import pyarrow.dataset as ds
import pytest

import dj_assets
from dj_assets.analysis.explain import explain
from dj_assets.errors import RecipeError, UserError
from dj_assets.home.home import output_layout
from dj_assets.home.identity import part_of
from dj_assets.publish.fetching import fetch
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.subset.measured_run import MeasuredRun
from dj_assets.subset.rebuilding import rebuild
from dj_assets.subset.verifying import verify
from dj_assets.what_if.session import Session
from tests.documents import write_jsonl
from tests.subset.test_wider_contract import (
    MEASURED,
    STEPS,
    chunk_windows,
    filter_length,
    in_files,
    longest,
    records,
    without_copies,
)


def joined(samples, key, separator):
    groups: dict[object, list[str]] = {}
    for number, sample in enumerate(samples):
        groups.setdefault(key(number, sample), []).append(sample["text"])
    return [{"text": separator.join(texts)} for texts in groups.values()]


JOIN = {"join_text_aggregator": {"separator": " / "}}
# a grouper of a recipe, and the key of its groups in the loop
GROUPERS = [
    ({"key_value_grouper": {"group_by_keys": ["kind"]}}, lambda _, sample: sample["kind"]),
    ({"key_value_grouper": {}}, lambda _, sample: sample["text"]),
    ({"fixed_size_grouper": {"group_size": 7}}, lambda number, _: number // 7),
    ("naive_grouper", lambda *_: 0),
]
LATER = [
    ({"text_length_filter": {"min_len": 40}}, lambda samples: filter_length(samples, 40)),
    (
        {"text_chunk_mapper": {"max_len": 30, "split_pattern": None}},
        lambda samples: chunk_windows(samples, 30, 0),
    ),
    ({"document_deduplicator": {}}, without_copies),
]
BY_LENGTH = {"topk_specified_field_selector": {"field_key": "__dj__stats__.text_len", "topk": 5}}


def random_steps(seed: int):
    """Return steps before a grouper, the grouper, and steps behind it; some recipes group once more."""
    chosen = random.Random(seed)
    steps = [chosen.choice(STEPS) for _ in range(chosen.randint(0, 2))]
    for grouper, key in [chosen.choice(GROUPERS), *([GROUPERS[2]] if chosen.random() < 0.4 else [])]:
        steps += [(grouper, None), (JOIN, lambda samples, key=key: joined(samples, key, " / "))]
        steps += [chosen.choice(LATER) for _ in range(chosen.randint(0, 2))]
    return [*steps, MEASURED, (BY_LENGTH, lambda samples: longest(samples, 5))]


def texts(result: dj_assets.RunResult) -> list[str]:
    return ds.dataset([str(path) for path in result.refined]).to_table()["text"].to_pylist()


@pytest.mark.parametrize("seed", range(8))
def test_the_result_is_that_of_a_loop_in_files_and_in_pieces(seed, tmp_path, monkeypatch):
    samples, steps = records(seed), random_steps(seed)
    wanted = samples
    for _, loop in steps:
        wanted = loop(wanted) if loop else wanted
    recipe = {"process": [step for step, _ in steps]}
    told = set()
    for files, limit in ((1, "1000"), (3, "0")):
        monkeypatch.setenv("DJ_ONE_NODE_SAMPLES", limit)
        inputs = in_files(tmp_path / f"in{files}", samples, files)
        result = dj_assets.run_recipe(recipe, inputs, tmp_path / f"out{files}", workers=1)
        assert texts(result) == [sample["text"] for sample in wanted]
        told.add(tuple((s.operator, s.samples_in, s.samples_out, s.created, s.grouped) for s in result.funnel))
    assert len(told) == 1


PROCESS = [
    {"text_length_filter": {"min_len": 9}},
    "document_deduplicator",
    {"key_value_grouper": {"group_by_keys": ["kind", "nothing.there"]}},
    JOIN,
    {"text_chunk_mapper": {"max_len": 60, "split_pattern": None}},
    {"text_length_filter": {"min_len": 55}},
]
RECIPE = {"process": PROCESS, "project_name": "mine"}


@pytest.fixture
def source(tmp_path) -> list[Path]:
    return in_files(tmp_path / "in", records(99, 200), 3)


@pytest.fixture
def result(source, tmp_path) -> dj_assets.RunResult:
    return dj_assets.run_recipe(RECIPE, source, tmp_path / "out", workers=1)


def with_bound(index: int, least: int) -> dict[str, object]:
    steps = [*PROCESS[:index], {"text_length_filter": {"min_len": least}}, *PROCESS[index + 1 :]]
    return {**RECIPE, "process": steps}


def test_a_moved_threshold_measures_no_record_again(source, result, tmp_path):
    stats = output_layout(tmp_path / "out").work / "stats"
    times = {path: path.stat().st_mtime_ns for path in stats.glob("*.parquet")}
    aggregates = stats / "1000002.parquet"
    assert aggregates in times
    for number, (index, least) in enumerate([(5, 60), (5, 1), (0, 20), (0, 1)]):
        moved = dj_assets.run_recipe(with_bound(index, least), source, tmp_path / "out", overwrite=True, workers=1)
        now = {path: path.stat().st_mtime_ns for path in times}
        changed = {path for path in times if now[path] != times[path]}
        # other members make other aggregates; of the records nothing is measured again
        assert changed == ({aggregates} if index == 0 else set())
        times = now
        fresh = dj_assets.run_recipe(with_bound(index, least), source, tmp_path / f"fresh{number}", workers=1)
        assert texts(moved) == texts(fresh)
        assert [*moved.funnel] != [*result.funnel]


def test_every_sample_is_accounted_for(result, tmp_path):
    run = result.manifest
    left = run.samples_out + run.dropped + run.quarantined + run.expanded + run.grouped
    assert run.samples_in + run.created == left
    assert run.grouped == run.funnel[2].samples_in == run.funnel[2].grouped
    assert run.funnel[2].created == 3
    with duckdb.connect(str(result.database), read_only=True) as connection:
        rows = connection.execute("SELECT shard, row, aggregate_row, aggregate_id FROM grouped").fetchall()
        kept = connection.execute("SELECT count(*) FROM stats WHERE shard < 1000000").fetchone()[0] - run.dropped
        named = connection.execute(
            "SELECT DISTINCT id FROM stats WHERE shard > 1000000 AND parent_row IS NULL"
        ).fetchall()
    # the filter behind the chunks drops samples, too
    assert len(rows) == len({row[:2] for row in rows}) == run.grouped == kept + run.funnel[5].dropped
    assert {row[3] for row in rows} == {name for (name,) in named}
    assert [part.name for part in run.refined] == ["part-1000002.parquet"]
    assert verify(output_layout(tmp_path / "out"), run).damaged == ()


def test_an_aggregate_names_its_members_and_what_they_share(source, tmp_path):
    recipe = {"process": PROCESS[:4]}
    result = dj_assets.run_recipe(recipe, source, tmp_path / "out", workers=1)
    rows = ds.dataset([str(path) for path in result.refined]).to_table().to_pylist()
    by_name = {record["id"]: record for record in records(99, 200)}
    assert len(rows) == 3
    for row in rows:
        assert [*row] == ["__dj_id__", "text", "__dj_members__", "__dj_group__"]
        assert row["text"] == " / ".join(by_name[name]["text"] for name in row["__dj_members__"])
        (kind,) = {by_name[name]["kind"] for name in row["__dj_members__"]}
        assert json.loads(row["__dj_group__"]) == {"kind": kind, "nothing.there": None}
        assert row["__dj_members__"] == sorted(row["__dj_members__"], key=lambda name: int(name[1:]))


def test_explain_walks_from_the_member_to_the_aggregate_and_back(result, tmp_path):
    plan, layout = make_plan(load_recipe(RECIPE)), output_layout(tmp_path / "out")
    with duckdb.connect(str(result.database), read_only=True) as connection:
        member, aggregate = connection.execute("SELECT id, aggregate_id FROM grouped ORDER BY id").fetchone()
        members = connection.execute("SELECT id FROM grouped WHERE aggregate_id = ?", [aggregate]).fetchall()
    [trace] = explain(plan, layout, result.manifest, member)
    assert trace.outcome == f"member of {aggregate} of key_value_grouper"
    assert trace.steps[2].summary == f"makes it a member of {aggregate}"
    assert [step.summary for step in trace.steps[3:]] == ["not reached"] * 3
    [trace] = explain(plan, layout, result.manifest, aggregate)
    assert trace.source == "groups of key_value_grouper"
    assert trace.steps[0].summary == f"makes this sample of {len(members)} samples"
    assert trace.steps[1].summary == f"makes one text of {len(members)} samples"
    assert trace.outcome.startswith("replaced by")
    [trace] = explain(plan, layout, result.manifest, f"{aggregate}#1")
    assert part_of(trace.row) == 1
    assert trace.steps[2].summary.startswith(f"makes this sample from {aggregate}, number 1 of")


def test_bounds_behind_a_grouper_can_be_tried_out_and_others_say_what_to_do(source, result, tmp_path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(json.dumps(RECIPE))
    moved = dj_assets.run_recipe(with_bound(5, 60), source, tmp_path / "moved", workers=1)
    session = Session(load_recipe(recipe), tmp_path / "out", 1)
    try:
        tried = {step["operator"]: step["samples_out"] for step in session.whole({5: {"min_len": 60}})["steps"]}
        assert tried == {
            step.operator: step.samples_out for step in moved.funnel if step.operator != "join_text_aggregator"
        }
        with pytest.raises(UserError, match="key_value_grouper makes other samples of other members; run the recipe"):
            session.whole({0: {"min_len": 20}})
    finally:
        session.close()
    run = MeasuredRun.open(tmp_path / "out", make_plan(load_recipe(recipe)))
    assert run.kept(run.plan).by_recipe == result.samples_out


def test_the_database_is_rebuilt_with_its_groups(result, tmp_path):
    def grouped() -> list[tuple[object, ...]]:
        with duckdb.connect(str(result.database), read_only=True) as connection:
            return connection.execute("FROM grouped ORDER BY ALL").fetchall()

    before = grouped()
    result.database.unlink()
    rebuild(output_layout(tmp_path / "out"), result.manifest)
    assert grouped() == before


def test_a_damaged_file_of_groups_is_made_again(source, result, tmp_path):
    layout = output_layout(tmp_path / "out")
    for path in (layout.groups(1000002), layout.members(1000002)):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        assert [str(path) in line for line in verify(layout, result.manifest).damaged] == [True]
        again = dj_assets.run_recipe(RECIPE, source, tmp_path / "out", overwrite=True, workers=1)
        assert again.samples_out == result.samples_out
        assert verify(layout, again.manifest).damaged == ()


def test_texts_of_another_field_are_joined(tmp_path):
    source = write_jsonl(
        tmp_path / "a.jsonl", [{"text": f"t{n}", "said": {"by": "ab"[n % 2], "what": f"w{n}"}} for n in range(4)]
    )
    recipe = {
        "process": [
            {"key_value_grouper": {"group_by_keys": ["said.by"]}},
            {"join_text_aggregator": {"separator": "+", "text_key": "said.what"}},
        ]
    }
    assert texts(dj_assets.run_recipe(recipe, [source], tmp_path / "out")) == ["w0+w2", "w1+w3"]


def test_nothing_is_left_to_group(tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", [{"text": "short"}] * 3)
    recipe = {"process": [{"text_length_filter": {"min_len": 99}}, "naive_grouper", JOIN, "document_deduplicator"]}
    run = dj_assets.run_recipe(recipe, [source], tmp_path / "out").manifest
    assert (run.samples_in, run.dropped, run.created, run.samples_out) == (3, 3, 0, 0)


FAILING = '''
import pyarrow as pa
from dj_assets.operators import Aggregator, register

@register("failing_groups_aggregator")
class FailingGroupsAggregator(Aggregator):
    """Fails for groups of one."""

    def aggregate(self, groups: pa.ListArray) -> pa.Array:
        if any(len(texts) == 1 for texts in groups.to_pylist()):
            raise ValueError("one alone")
        return pa.array([{"text": " ".join(texts), "size": len(texts)} for texts in groups.to_pylist()],
                        pa.struct([("text", pa.string()), ("size", pa.int64())]))
'''


def test_a_group_that_fails_is_quarantined(tmp_path):
    (tmp_path / "failing.py").write_text(FAILING)
    source = write_jsonl(tmp_path / "a.jsonl", [{"text": f"t{n}", "kind": "aab"[n % 3]} for n in range(3)])
    recipe = tmp_path / "mine.yaml"
    process = [{"key_value_grouper": {"group_by_keys": ["kind"]}}, "failing_groups_aggregator"]
    recipe.write_text(json.dumps({"custom_operator_paths": ["failing.py"], "process": process}))
    result = dj_assets.run_recipe(recipe, [source], tmp_path / "out")
    run = result.manifest
    assert (run.samples_in, run.created, run.grouped, run.quarantined, run.samples_out) == (3, 2, 3, 1, 1)
    rows = ds.dataset([str(path) for path in result.refined]).to_table().to_pylist()
    assert [(row["text"], row["size"], len(row["__dj_members__"])) for row in rows] == [("t0 t1", 2, 2)]
    with duckdb.connect(str(result.database), read_only=True) as connection:
        (quarantined,) = connection.execute("SELECT operator, error FROM quarantine").fetchall()
    assert quarantined == ("failing_groups_aggregator", "ValueError: one alone")


def test_several_aggregators_read_fields_of_their_own(tmp_path, monkeypatch):
    rows = [
        {"text": f"t{number}", "kind": number % 2, "__dj__meta__": {"event": f"e{number}", "scene": f"s{number}"}}
        for number in range(5)
    ]
    del rows[4]["__dj__meta__"]["event"]
    [source] = in_files(tmp_path / "in", rows, 1)
    table = tmp_path / "answers.json"
    table.write_text(json.dumps({"*": "'a summary'"}))
    monkeypatch.setenv("DJ_LLM", f"canned:{table}")
    process = [
        {"key_value_grouper": {"group_by_keys": ["kind"]}},
        JOIN,
        {"nested_aggregator": {"input_key": "event", "output_key": "events"}},
        {"nested_aggregator": {"input_key": "scene"}},
        {"join_text_aggregator": {"separator": "+", "text_key": "__dj__meta__.event"}},
    ]
    result = dj_assets.run_recipe({"process": process}, [source], tmp_path / "out", workers=1)
    made = ds.dataset([str(path) for path in result.refined]).to_table().to_pylist()
    assert [row["text"] for row in made] == ["e0+e2+", "e1+e3"]
    assert [row["__dj__batch_meta__"] for row in made] == [{"events": "a summary", "scene": "a summary"}] * 2
    assert all(isinstance(name, str) for row in made for name in row["__dj_members__"])
    asked = [json.loads(path.read_text())["request"] for path in (tmp_path / "out").glob("generations/*/*.json")]
    prompts = sorted(request["messages"][-1][1] for request in asked)
    assert [prompt.count("文档碎片") for prompt in prompts] == [2, 2, 3, 2]
    assert "e0" in prompts[0]
    plan = make_plan(load_recipe({"process": process}))
    [trace] = explain(plan, output_layout(tmp_path / "out"), result.manifest, made[1]["__dj_id__"])
    assert len(trace.steps) == len(process)
    wrong = [process[0], {"join_text_aggregator": {"text_key": "__dj__meta__.evnt"}}]
    with pytest.raises(UserError, match=r"none has a text under the key '__dj__meta__\.evnt'"):
        dj_assets.run_recipe({"process": wrong}, [source], tmp_path / "wrong", workers=1)


@pytest.mark.parametrize(
    ("process", "line"),
    [
        (["naive_grouper"], r"process\[0\]: naive_grouper: no aggregator follows this grouper; put an aggregator"),
        (["naive_grouper", "document_deduplicator", JOIN], r"process\[0\]: naive_grouper: no aggregator follows"),
        ([JOIN], r"process\[0\]: join_text_aggregator: no grouper stands before this aggregator; put a grouper"),
        (
            ["naive_grouper", JOIN, "document_deduplicator", JOIN],
            r"process\[3\]: join_text_aggregator: no grouper stands before",
        ),
    ],
)
def test_groupers_and_aggregators_stand_together(process, line):
    with pytest.raises(RecipeError, match=line):
        load_recipe({"process": process})


def test_a_set_to_compare_with_is_no_aggregate(tmp_path):
    source, other = (write_jsonl(tmp_path / name, [{"text": "one"}]) for name in ("a.jsonl", "b.jsonl"))
    recipe = {"process": ["naive_grouper", JOIN, "document_deduplicator"]}
    with pytest.raises(UserError, match="document_deduplicator stands behind a grouper"):
        dj_assets.run_recipe(recipe, [source], tmp_path / "out", against=[other])


def test_in_an_object_store_as_on_a_disk(lake, source, result, tmp_path, monkeypatch):
    stored = dj_assets.run_recipe(RECIPE, source, f"{lake}/out", workers=1)
    assert texts(stored) == texts(result)
    monkeypatch.setenv("DJ_CACHE", str(tmp_path / "another"))
    again = dj_assets.run_recipe(with_bound(5, 60), source, f"{lake}/out", overwrite=True, workers=1)
    fresh = dj_assets.run_recipe(with_bound(5, 60), source, tmp_path / "fresh", workers=1)
    fetch(output_layout(f"{lake}/out"), again.manifest.run_id, tmp_path / "fetched")
    parts = [str(path) for path in (tmp_path / "fetched").rglob("part-*.parquet")]
    assert ds.dataset(parts).to_table()["text"].to_pylist() == texts(fresh)
    assert verify(output_layout(f"{lake}/out"), again.manifest).damaged == ()
