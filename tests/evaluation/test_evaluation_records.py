from __future__ import annotations

import json

import pytest

from dj_assets.errors import UserError
from dj_assets.evaluation.comparison import compare
from dj_assets.evaluation.evaluation_records import EvaluationRecord, append, history, records_folder
from dj_assets.evaluation.of_subset import add_results as enter
from dj_assets.evaluation.of_subset import evaluations_of
from dj_assets.evaluation.read_file import read_results
from dj_assets.evaluation.vbench import vbench_totals
from tests.manifests import manifest_of_test

TABLE = {"baseline": "raw", "unit": "%", "models": {"raw": {"VQA": 60, "err": 5}, "ours": {"VQA": 61, "err": 4}}}
TABLE["benchmarks"] = {"err": {"higher_is_better": False}}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("DJ_HOME", str(tmp_path))
    publish(tmp_path, "one")
    return tmp_path


def publish(home, refined_hash):
    """A run's manifest is all that records look at."""
    run = manifest_of_test(run_id=f"run-{refined_hash}", refined_hash=refined_hash)
    run.write(home / "notes" / "runs" / f"{refined_hash}.json")


def add_results(subset, path):
    return enter(subset, read_results(path, subset), str(path))


def write(tmp_path, content, name="results.json"):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_results_belong_to_the_version_they_were_measured_on(home):
    add_results("notes", write(home, TABLE))
    (now,) = evaluations_of("notes").comparisons()
    assert (now.model, now.standing, now.count("win")) == ("ours", "this version", 2)
    publish(home, "two")
    (earlier,) = evaluations_of("notes").comparisons()
    assert earlier.standing == "an earlier version"
    add_results("notes", write(home, TABLE))
    assert [one.standing for one in evaluations_of("notes").comparisons()] == ["an earlier version", "this version"]


def test_a_later_number_supersedes_and_the_earlier_is_kept(home):
    add_results("notes", write(home, TABLE))
    add_results("notes", write(home, {"models": {"ours": {"VQA": 59}}}))
    (found,) = evaluations_of("notes").comparisons()
    assert {one.benchmark: one.verdict for one in found.differences} == {"VQA": "loss", "err": "win"}
    values = [r.value for r in history(records_folder(home / "notes")) if (r.model, r.benchmark) == ("ours", "VQA")]
    assert values == [61, 59]
    files = sorted(records_folder(home / "notes").glob("*.json"))
    assert len(files) == 2


def test_published_and_measured_are_never_mixed(home):
    add_results("notes", write(home, TABLE))
    published = {"origin": "published", "models": {"ours": {"VQA": 70}, "raw": {"VQA": 71}}}
    add_results("notes", write(home, published))
    found = {one.standing: one for one in evaluations_of("notes").comparisons()}
    assert set(found) == {"this version", "published"}
    assert [(d.baseline, d.value) for d in found["published"].differences] == [(71, 70)]
    assert found["published"].count("loss") == 1
    assert evaluations_of("notes").records[-1].refined_hash is None


def test_seeds_are_averaged_and_ties_are_ties(home):
    rows = "model,benchmark,value,seed\nraw,acc,0.5,\nours,acc,0.4,1\nours,acc,0.6,2\nours,extra,1,\n"
    add_results("notes", write(home, rows, "rows.csv"))
    (found,) = evaluations_of("notes").comparisons("raw")
    assert [(d.value, d.verdict) for d in found.differences] == [(0.5, "tie")]
    assert found.only == ("extra",)


def test_a_zero_baseline_has_no_relative_change():
    records = [EvaluationRecord("s", "raw", "x", 0.0), EvaluationRecord("s", "ours", "x", 2.0)]
    (one,) = compare(records, "raw")[0].differences
    assert (one.delta, one.relative) == (2.0, None)


def test_entries_at_once_do_not_lose_each_other(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: append(tmp_path, [EvaluationRecord("s", "m", f"b{n}", n)]), range(20)))
    assert sorted(record.value for record in history(tmp_path)) == list(range(20))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("r.txt", "", "results are read from .json or .csv"),
        ("r.json", "[", "is no JSON"),
        ("r.json", {"modells": {}}, "modells: unknown key; did you mean 'models'?"),
        ("r.json", {"models": {"a": {"x": "much"}}}, "models.a.x: Input should be a valid number"),
        ("r.json", '{"models": {"a": {"x": NaN}}}', "a: x is nan, which is no result"),
        ("r.json", {"subset": "other", "models": {"a": {"x": 1}}}, "is about 'other', not 'notes'"),
        ("r.csv", "model,value\n", "line 1: has no column 'benchmark'"),
        ("r.csv", "model,benchmark,value,sed\n", "unknown column 'sed'; did you mean 'seed'?"),
        ("r.csv", "model,benchmark,value\na,b,c\n", "line 2: could not convert string to float: 'c'"),
        ("r.csv", "model,benchmark,value,origin\na,b,1,paper\n", "line 2: origin is 'paper'"),
    ],
)
def test_mistakes_name_file_and_place(home, name, content, told):
    with pytest.raises(UserError) as error:
        add_results("notes", write(home, content, name))
    assert told in str(error.value)
    assert name in str(error.value)
    assert not list(records_folder(home / "notes").glob("*.json"))


def test_measured_results_need_a_run(home):
    with pytest.raises(UserError, match="no finished run that the results could belong to"):
        add_results("letters", write(home, TABLE))


def test_no_baseline_is_told_with_the_models_there_are(home):
    add_results("notes", write(home, {"models": {"ours": {"VQA": 59}}}))
    with pytest.raises(UserError, match="notes: has no baseline; name one of ours"):
        evaluations_of("notes").comparisons()


def test_a_missing_dimension_counts_nothing():
    totals = vbench_totals({"object class": 90.0})
    assert totals.semantic == pytest.approx(10.0)
    assert totals.total == pytest.approx(2.0)
    assert len(totals.missing) == 15
