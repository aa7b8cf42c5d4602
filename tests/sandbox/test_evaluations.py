"""Real commands: those that work, and those that hang, fail, or print nonsense."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from dj_assets.errors import UserError
from dj_assets.sandbox.evaluations import Loop, evaluate, rankings
from tests.paths import ROOT
from tests.sandbox.conftest import HOOK

BAD = """
if pool == "text_len_low": print("about to hang", file=sys.stderr, flush=True); time.sleep(60)
if pool == "text_len_mid": print('{"score": NaN}'); sys.exit()
if pool == "alnum_ratio_low": print("out of memory, says the model", file=sys.stderr); sys.exit(1)
if pool == "alnum_ratio_mid": print("done, but no numbers"); sys.exit()
if pool == "alnum_ratio_high": print('{"other": 1}'); sys.exit()
"""


def names(one):
    return [entry.pool.name for entry in one.entries]


def test_a_hook_gets_the_pool_and_its_numbers_come_back(toy):
    sandbox = toy.sandbox()
    probe = sandbox.probe()
    assert names(probe) == [
        "random",
        *(f"{s}_{p}" for s in ("text_len", "alnum_ratio") for p in ("low", "mid", "high")),
    ]
    found = evaluate(sandbox, "text_len_high", 1)
    assert found.status == "done"
    assert found.metrics == {"score": pytest.approx(sum(n + n % 7 for n in range(60, 90)) / 30), "nested.n": 30}
    assert toy.ran() == ["text_len_high 1"]


def test_what_is_finished_is_never_run_again(toy):
    sandbox = toy.sandbox()
    sandbox.probe()
    first, second = (evaluate(sandbox, "random", 1) for _ in range(2))
    assert (first.reused, second.reused) == (False, True)
    assert first.metrics == second.metrics
    toy.write_hook(hook=HOOK + "timeout_s: 30\n".replace("timeout_s: 30", "model: other"))
    assert evaluate(toy.sandbox(), "random", 1).reused
    toy.write_hook(behaviour="lines = lines[:5]")
    assert not evaluate(toy.sandbox(), "random", 1).reused
    assert len(toy.ran()) == 2


def test_pools_keep_their_evaluations_when_thresholds_and_filters_change(toy):
    toy.sandbox().probe()
    evaluate(toy.sandbox(), "text_len_low", 1)
    recipe = toy.root / "recipes/mine/toy.yaml"
    recipe.write_text(recipe.read_text().replace("min_len: 1", "min_len: 20") + "  - words_num_filter:\n")
    toy.refine()
    toy.sandbox().probe()
    assert evaluate(toy.sandbox(), "text_len_low", 1).reused
    recipe.write_text(recipe.read_text().replace("  - whitespace", "  - fix_unicode_mapper:\n  - whitespace"))
    toy.refine()
    toy.sandbox().probe()
    assert not evaluate(toy.sandbox(), "text_len_low", 1).reused


def test_failures_are_told_and_the_others_are_ranked(toy):
    toy.write_hook(BAD, HOOK.replace("timeout_s: 20", "timeout_s: 2"))
    sandbox = toy.sandbox()
    heard = []
    made = Loop(sandbox, heard.append).run(names(sandbox.probe()))
    why = {one.pool: one.why for one in made if one.status == "failed"}
    assert why["text_len_low"] == "took longer than 2 s\nabout to hang"
    assert why["text_len_mid"].startswith("metric 'score' is nan")
    assert why["alnum_ratio_low"] == "ended with exit code 1\nout of memory, says the model"
    assert why["alnum_ratio_mid"] == "reported no JSON object\ndone, but no numbers"
    assert why["alnum_ratio_high"].startswith("metric 'score' is not among the numbers reported (other)")
    assert len(heard) == len(made) == 14
    scores = rankings(sandbox)["probe"]
    assert [score.pool for score in scores if score.mean is not None] == ["text_len_high", "random"]
    (hung,) = [score for score in scores if score.pool == "text_len_low"]
    assert hung.verdict == "no result"
    assert set(hung.missing) == {1, 2}
    assert not list((sandbox.folder / "data").glob("*.jsonl")), "pools are written for the commands alone"


def test_a_hanging_command_takes_its_children_with_it(toy):
    child = (
        "import subprocess; c = subprocess.Popen(['sleep', '600']); open('child.pid','w').write(str(c.pid)); c.wait()"
    )
    toy.write_hook(child, HOOK.replace("timeout_s: 20", "timeout_s: 1"))
    sandbox = toy.sandbox()
    sandbox.probe()
    assert evaluate(sandbox, "random", 1).status == "failed"
    pid = int((toy.root / "child.pid").read_text())
    deadline = time.monotonic() + 5
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "it is still there"
        time.sleep(0.05)


def test_a_command_that_is_not_there(toy):
    toy.write_hook(hook="train: [no-such-command]\nmetrics: {score: {higher_is_better: true}}\n")
    sandbox = toy.sandbox()
    sandbox.probe()
    assert "no-such-command: cannot be started" in evaluate(sandbox, "random", 1).why


def test_numbers_may_stand_in_a_file(toy):
    toy.write_hook(
        "pathlib.Path(sys.argv[4], 'metrics.json').write_text(json.dumps({'score': 7})); sys.exit()",
        HOOK.replace('"{pool}"', '"{pool}", "{out}"'),
    )
    sandbox = toy.sandbox()
    sandbox.probe()
    assert evaluate(sandbox, "random", 1).metrics == {"score": 7}


@pytest.mark.parametrize("format", ["parquet", "ids"])
def test_other_forms_of_a_pool(toy, format):
    count = {
        "parquet": "import pyarrow.parquet as pq; n = pq.read_table(data).num_rows",
        "ids": "n = len({line for line in lines if line[0] == 't'})",
    }[format]
    toy.write_hook(f"{count}; print(json.dumps({{'score': n}})); sys.exit()", HOOK + f"format: {format}\n")
    if format == "parquet":
        script = toy.root / "hook.py"
        script.write_text(script.read_text().replace("lines = open(data).read().splitlines()", ""))
    sandbox = toy.sandbox()
    sandbox.probe()
    assert evaluate(sandbox, "alnum_ratio_low", 1).metrics == {"score": 30}


def test_killed_in_the_middle_and_resumed(toy):
    toy.write_hook("time.sleep(0.4)", HOOK.replace("slots: 2", "slots: 1"))
    script = (
        "from dj_assets.recipe.gallery import find_gallery\n"
        "from dj_assets.sandbox.evaluations import Loop\n"
        "from dj_assets.sandbox.experiment import Sandbox\n"
        "sandbox = Sandbox.of_asset(find_gallery().recipes['toy'])\n"
        "Loop(sandbox).run([entry.pool.name for entry in sandbox.probe().entries])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    loop = subprocess.Popen([sys.executable, "-c", script], cwd=toy.root, env=environment)
    deadline = time.monotonic() + 60
    while len(toy.ran()) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    loop.send_signal(signal.SIGKILL)
    loop.wait()
    time.sleep(1)
    sandbox = toy.sandbox()
    finished = len(list((sandbox.folder / "evaluations").glob("*/result.json")))
    assert finished >= 3
    made = Loop(sandbox).run(names(sandbox.rounds()[0]))
    assert sum(one.reused for one in made) == finished
    assert len(toy.ran()) <= 14 + 1, "only what was cut off in the middle ran twice"
    assert all(one.status == "done" for one in made)


def test_unknown_pools_and_a_subset_without_a_run(toy, tmp_path, monkeypatch):
    sandbox = toy.sandbox()
    with pytest.raises(UserError, match="make the pools first"):
        sandbox.entry("random")
    sandbox.probe()
    with pytest.raises(UserError, match="did you mean 'text_len_high'"):
        sandbox.entry("text_length_high")
    toy.write_recipe(", statistics: [text_length]")
    with pytest.raises(UserError, match="'text_length' is no numeric statistic; did you mean 'text_len'"):
        toy.sandbox()
    monkeypatch.setenv("DJ_HOME", str(tmp_path / "empty"))
    toy.write_recipe()
    with pytest.raises(UserError, match="holds no finished run"):
        toy.sandbox()


def test_repeated_samples_and_levels_of_the_pyramid(toy):
    toy.write_recipe(", amounts: [2], smallest: 2")
    sandbox = toy.sandbox()
    thirds = [e.pool.thirds[0] for e in sandbox.probe().entries if e.pool.name in {"text_len_high", "alnum_ratio_high"}]
    combined = sandbox.combine(thirds)
    tip = "top-text_len_high+alnum_ratio_high"
    assert names(combined) == [
        "top-random",
        "top-text_len_high",
        "top-alnum_ratio_high",
        tip,
        "top-tip_x2",
        "top-levels_x2",
    ]
    assert combined.size == combined.sizes[tip]
    made = {one.pool: one for one in Loop(sandbox).run(names(combined))}
    assert made["top-tip_x2"].metrics["nested.n"] == made["top-levels_x2"].metrics["nested.n"] == 2 * combined.size
    assert made["top-tip_x2"].metrics["score"] == pytest.approx(made[tip].metrics["score"])
    read = json.loads((sandbox.folder / "combined.json").read_text())
    assert read["baseline"] == "top-random"
