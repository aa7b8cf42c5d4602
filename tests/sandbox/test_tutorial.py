"""The tutorial as it is documented: damaged documents, three statistics, a model of three letters, three seeds."""

from __future__ import annotations

import pytest

from dj_assets.errors import UserError
from dj_assets.evaluation.of_subset import evaluations_of
from dj_assets.recipe.gallery import find_gallery
from dj_assets.sandbox.discovery import chosen_thirds, discover, standings, write_best
from dj_assets.sandbox.experiment import Sandbox
from dj_assets.subset import Options, Subset, run_recipe
from tests.paths import ROOT

TIP = "top-alnum_ratio_high+char_rep_ratio_low"


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJ_HOME", str(tmp_path_factory.mktemp("home")))
        recipe = find_gallery((ROOT / "recipes",)).recipes["demo_sandbox"]
        Subset.of_asset(recipe, Options(workers=1)).run()
        sandbox = Sandbox.of_asset(recipe)
        heard = []
        yield sandbox, discover(sandbox, heard.append), heard


def test_it_finds_the_known_best_third_and_combination(tutorial):
    _, known, heard = tutorial
    assert len(heard) == (10 + 6) * 3
    assert not known.missing
    best = known.scores["probe"][0]
    assert (best.pool, best.verdict, best.runs) == ("alnum_ratio_high", "better", 3)
    assert known.scores["probe"][-1].pool == "alnum_ratio_low"
    assert [score.pool for score in known.scores["probe"][:2]] == ["alnum_ratio_high", "char_rep_ratio_low"]
    line_lengths = {s.verdict for s in known.scores["probe"] if s.pool.startswith("avg_line_length")}
    assert line_lengths == {"no difference"}
    assert known.scores["combined"][0].pool == TIP
    assert known.scores["combined"][0].mean > max(score.mean for score in known.scores["probe"])


def test_the_same_again_trains_nothing(tutorial):
    sandbox, known, _ = tutorial
    again = []
    assert discover(sandbox, again.append).scores == known.scores
    assert len(again) == 48
    assert all(one.reused for one in again)


def test_its_recipe_runs_and_keeps_what_was_counted(tutorial, tmp_path):
    sandbox, known, _ = tutorial
    best, recipe = write_best(sandbox, known)
    assert best == TIP
    data = ROOT / "dj_assets/samples/damaged/documents.jsonl.gz"
    result = run_recipe(recipe, [data], tmp_path / "out", workers=1)
    assert result.samples_out == sandbox.entry(TIP).value_count


def test_what_the_hook_measured_is_on_record(tutorial):
    sandbox, known, _ = tutorial
    records = evaluations_of("demo_sandbox").records
    assert len(records) == 48
    own = [record.value for record in records if record.pool == TIP]
    assert sum(own) / 3 == pytest.approx(known.scores["combined"][0].metrics["loss"])
    assert {record.refined_hash for record in records} == {sandbox.plan.refined_hash}
    assert {(record.origin, record.higher_is_better) for record in records} == {("measured", False)}


def test_without_results_there_is_nothing_to_combine(tutorial, tmp_path, monkeypatch):
    sandbox, _, _ = tutorial
    empty = Sandbox(sandbox.recipe, sandbox.block, sandbox.hook, sandbox.folder.parent)
    empty.folder = tmp_path / "sandbox"
    with pytest.raises(UserError, match="there are no pools yet"):
        chosen_thirds(empty, standings(empty))
    empty.probe()
    with pytest.raises(UserError, match="no third is better than a random pool"):
        chosen_thirds(empty, standings(empty))
