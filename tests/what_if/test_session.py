from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

import dj_assets
from dj_assets.analysis.changed_recipe import with_parameters
from dj_assets.errors import UserError
from dj_assets.operators.base import Deduplicator
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.what_if.session import OvertakenError, Session
from tests.documents import documents, write_jsonl

CHANGES = [
    {},
    {1: {"min_len": 300}},
    {1: {"min_len": 0, "max_len": 10_000}, 2: {"max_sum": 1000}},
    {2: {"min_sum": 10, "max_sum": 20}, 5: {"max_ratio": 0.18}},
    {3: {"min_ratio": 0.99}},
]


@pytest.fixture
def session(place):
    opened = Session(load_recipe(place / "r.yaml"), place / "out", 2)
    yield opened
    opened.close()


@pytest.mark.parametrize("changes", CHANGES)
def test_the_filters_alone_are_those_of_a_replay_without_deduplicators(session, changes):
    plan = make_plan(with_parameters(session.recipe, changes))
    alone = replace(plan, steps=tuple(step for step in plan.steps if not isinstance(step.operator, Deduplicator)))
    outcome = session.run._outcome(alone)
    steps = session.filters(changes)["steps"]
    assert steps[-1]["samples_out"] == int(outcome.kept.sum())
    for step in steps:
        assert step["samples_in"] - step["samples_out"] == int((outcome.outcome == step["index"]).sum())
    assert [step["samples_in"] for step in steps[1:]] == [step["samples_out"] for step in steps[:-1]]


def test_the_whole_recipe_is_what_a_run_with_these_values_keeps(session, place, tmp_path):
    changes = CHANGES[3]
    session.recipe = replace(session.recipe, file=str(shutil.copy(place / "r.yaml", tmp_path / "r.yaml")))
    expected = session.whole(changes)["steps"]
    assert "+      min_sum: 10" in session.preview(changes)["lines"]
    assert session.write(changes) == {"file": str(tmp_path / "r.yaml")}
    assert "# one end" in (tmp_path / "r.yaml").read_text()
    assert session.about()["filters"][1]["bounds"][0]["value"] == 10
    result = dj_assets.run_recipe(tmp_path / "r.yaml", [place / "a.jsonl"], tmp_path / "out", workers=1)
    funnel = {step.operator: (step.samples_in, step.samples_out) for step in result.funnel}
    assert {step["operator"]: (step["samples_in"], step["samples_out"]) for step in expected}.items() <= funnel.items()
    assert session.filters({})["steps"][-1]["samples_out"] >= result.samples_out == expected[-1]["samples_out"]


def test_the_samples_at_a_border_are_the_nearest_that_the_others_keep(session):
    near = session.border({1: {"min_len": 300}}, 1, "min_len")["samples"]
    with session._cursor() as cursor:
        rows = cursor.execute(
            "SELECT text_len, id FROM stats WHERE sum_of_a <= 40 AND alnum_ratio >= 0.6 AND special_char_ratio <= 0.25"
        ).fetchall()
    below = sorted((value for value, _ in rows if value < 300), reverse=True)[:3]
    above = sorted(value for value, _ in rows if 300 <= value <= 900)[:3]
    assert [sample["value"] for sample in near] == [*sorted(below), *above]
    assert [sample["kept"] for sample in near] == [False] * 3 + [True] * 3
    assert all(sample["excerpt"] for sample in near)
    # what is too short is not near to the upper end
    long = session.border({1: {"max_len": 500}}, 1, "max_len")["samples"]
    assert all(sample["kept"] == (sample["value"] <= 500) for sample in long)
    assert not any(sample["kept"] for sample in long[3:])
    assert session.border({}, 3, "max_ratio")["samples"] == [], "it does not bound"


def test_an_axis_counts_every_value(session):
    for movable in session.about()["filters"]:
        axis = session.axis(movable["statistic"])
        assert sum(axis["counts"]) == axis["values"] > 300
        assert axis["low"] < axis["high"]


def test_a_value_that_the_recipe_refuses_is_one_clear_line(session):
    with pytest.raises(UserError, match="Input should be"):
        session.filters({1: {"min_len": "many"}})
    with pytest.raises(UserError, match="no such operator"):
        session.filters({9: {"min_len": 1}})
    with pytest.raises(UserError, match="no such bound"):
        session.border({}, 4, "window_size")


def test_a_replay_nobody_waits_for_is_left_out(session):
    with ThreadPoolExecutor(2) as pool:
        with session._replaying:
            first = pool.submit(session.whole, {})
            wait_for(lambda: session._newest == 1)
            second = pool.submit(session.whole, {1: {"min_len": 50}})
            wait_for(lambda: session._newest == 2)
        with pytest.raises(OvertakenError):
            first.result(20)
        assert second.result(20)["steps"]


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_thresholds_before_a_count_stay_where_they_are(tmp_path):
    text = "process:\n  - text_length_filter: {min_len: 20}\n  - document_line_deduplicator: {frequency_threshold: 3}\n"
    (tmp_path / "r.yaml").write_text(text)
    source = write_jsonl(tmp_path / "a.jsonl", documents(60))
    dj_assets.run_recipe(tmp_path / "r.yaml", [source], tmp_path / "out", workers=1)
    session = Session(load_recipe(tmp_path / "r.yaml"), tmp_path / "out", 1)
    (movable,) = session.about()["filters"]
    assert movable["fixed"] == "decides what document_line_deduplicator counts"
    with pytest.raises(UserError, match="measured something else"):
        session.whole({0: {"min_len": 30}})
