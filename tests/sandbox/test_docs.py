"""What docs/sandbox.md says is so."""

from __future__ import annotations

import json
import re

import yaml

from dj_assets.evaluation.comparison import computed_totals
from dj_assets.evaluation.of_subset import evaluations_of
from dj_assets.evaluation.read_file import ScoreTable
from dj_assets.recipe.gallery import find_gallery
from dj_assets.recipe.sandbox_block import SandboxBlock
from dj_assets.sandbox.hook_file import PLACEHOLDERS, Hook, load_hook
from tests.paths import ROOT

PAGE = (ROOT / "docs/sandbox.md").read_text("utf-8")


def section(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def keys(text: str) -> set[str]:
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_every_key_of_the_block_and_of_the_hook_file_is_described():
    assert keys(section("Pools").partition("The block `sandbox:`")[2]) == set(SandboxBlock.model_fields)
    assert keys(section("Hooks")) == set(Hook.model_fields) - {"file"}
    told = set(re.findall(r"`\{(\w+)\}`", section("Hooks").partition("Placeholders:")[2].partition("\n\n")[0]))
    assert told == set(PLACEHOLDERS)


def test_the_tutorial_shows_the_files_that_ship():
    recipe, hook = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
    shipped = find_gallery((ROOT / "recipes",)).recipes["demo_sandbox"].asset
    assert SandboxBlock(**recipe["asset"]["sandbox"]) == shipped.sandbox
    ours = load_hook(ROOT / shipped.sandbox.hook)
    assert Hook(**hook).commands == ours.commands
    assert Hook(**hook).metrics == ours.metrics


def test_the_shown_results_file_is_one():
    (shown,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert len(ScoreTable.model_validate(json.loads(shown)).records("c4")) == 4


def test_the_shown_totals_are_those_computed(tmp_path, monkeypatch):
    monkeypatch.setenv("DJ_HOME", str(tmp_path))
    rows = re.findall(r"^\| (\S.*?) \| ([\d. |]+) \|$", section("Evaluation records"), re.MULTILINE)
    records = [*evaluations_of("t2v_147k").records, *evaluations_of("t2v_228k").records]
    assert len(rows) == 3
    for model, cells in rows:
        totals = computed_totals([record for record in records if record.model == model])
        computed = [float(cell) for cell in cells.split("|")][1::2]
        assert computed == [round(value, 2) for value in (totals.total, totals.quality, totals.semantic)]


def test_the_video_recipe_beside_two_independent_thirds():
    source, thirds, published = (
        int(number.replace(",", ""))
        for number in re.findall(r"\| ([\d,]{6,}) \|", section("The video recipe as a pool"))
    )
    assert round(source / 9) == thirds
    assert f"{100 * thirds / source:.2f} %" == "11.11 %"
    assert f"{100 * published / source:.2f} %" == "12.09 %"
