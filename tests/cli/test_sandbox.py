from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from dj_assets.cli.app import app
from dj_assets.errors import UserError
from tests.sandbox.conftest import refined_toy, toy  # noqa: F401 - fixtures


@pytest.fixture
def run(toy):  # noqa: F811 - a fixture
    def invoke(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result.output

    return invoke


def test_pools_evaluate_rank_recipe(run, toy):  # noqa: F811 - a fixture
    assert "text_len_high" in run("sandbox", "pools", "toy")
    assert "score" in run("sandbox", "evaluate", "toy/text_len_high", "--seed", "2")
    assert "no result" in run("sandbox", "rank", "mine/toy")
    assert "min_len: 122" in run("sandbox", "recipe", "toy/text_len_high")
    run("sandbox", "recipe", "toy/text_len_high", "--write", str(toy.root / "recipes/mine"))
    assert (toy.root / "recipes/mine/toy_text_len_high.yaml").exists()
    with pytest.raises(UserError, match="is there already"):
        run("sandbox", "recipe", "toy/text_len_high", "--write", str(toy.root / "recipes/mine"))


def test_run_goes_the_whole_way(run):
    output = run("sandbox", "run", "toy")
    assert "best: top-text_len_high" in output
    assert output.count("(finished before)") == 0


def test_a_failed_evaluation_exits_1(run, toy):  # noqa: F811 - a fixture
    toy.write_hook(behaviour="sys.exit('no memory')")
    run("sandbox", "pools", "toy")
    assert "no memory" in run("sandbox", "evaluate", "toy/random", code=1)


def test_mistakes_are_told(run):
    with pytest.raises(UserError, match="is neither a folder nor a subset of the gallery; did you mean 'toy'"):
        run("sandbox", "pools", "toys")
    with pytest.raises(UserError, match="name the subset and the pool"):
        run("sandbox", "recipe", "toy")


def test_results_are_entered_and_compared(run, toy):  # noqa: F811 - a fixture
    file = toy.root / "results.json"
    file.write_text(json.dumps({"subset": "toy", "baseline": "raw", "models": {"raw": {"QA": 50}, "ours": {"QA": 55}}}))
    assert "2 results entered" in run("eval", "add", str(file))
    output = run("eval", "show", "toy")
    assert "(this version)" in output
    assert "1 wins, 0 ties, 0 losses of 1" in output
    file.write_text(json.dumps({"models": {"raw": {"QA": 50}}}))
    with pytest.raises(UserError, match="name it with --subset"):
        run("eval", "add", str(file))
