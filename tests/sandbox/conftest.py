from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from dj_assets.recipe.gallery import find_gallery
from dj_assets.recipe.model import Recipe
from dj_assets.sandbox.experiment import Sandbox
from dj_assets.subset import Options, Subset
from tests.paths import ROOT

HOOK = """
train: ["{python}", hook.py, "{data}", "{seed}", "{pool}"]
metrics:
  score: {higher_is_better: true}
repeats: 2
slots: 2
timeout_s: 20
"""
# Counts the samples, notes that it ran, and does what the pool's name says.
SCRIPT = """
import json, pathlib, sys, time
data, seed, pool = sys.argv[1:4]
lines = open(data).read().splitlines()
pathlib.Path("ran.txt").open("a").write(f"{pool} {seed}\\n")
BEHAVIOUR
print("a line of log")
print(json.dumps({"score": sum(json.loads(line)["worth"] for line in lines) / len(lines), "nested": {"n": len(lines)}}))
print("a last line that is no object")
"""
RECIPE = """
asset:
  subset: toy
  group: mine
  source: {paths: data/toy.jsonl}
  sandbox: {hook: hook.yaml, seed: 1BLOCK}
process:
  - whitespace_normalization_mapper:
  - text_length_filter: {min_len: 1}
  - alphanumeric_filter: {min_ratio: 0.0}
"""


@dataclass(frozen=True)
class Toy:
    """A project with one small subset, refined, and a hook of its own."""

    root: Path

    def recipe(self) -> Recipe:
        return find_gallery((self.root / "recipes",)).recipes["toy"]

    def write_recipe(self, block: str = "", text: str = RECIPE) -> None:
        path = self.root / "recipes/mine/toy.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("BLOCK", block))

    def write_hook(self, behaviour: str = "", hook: str = HOOK) -> None:
        (self.root / "hook.yaml").write_text(hook)
        (self.root / "hook.py").write_text(SCRIPT.replace("BEHAVIOUR", behaviour))

    def refine(self) -> None:
        Subset.of_asset(self.recipe(), Options(workers=1)).run()

    def sandbox(self) -> Sandbox:
        return Sandbox.of_asset(self.recipe())

    def ran(self) -> list[str]:
        path = self.root / "ran.txt"
        return sorted(path.read_text().splitlines()) if path.exists() else []


@pytest.fixture(scope="session")
def refined_toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ninety texts: the longer, the more they are worth; letters and signs in turn."""
    import json

    root = tmp_path_factory.mktemp("toy")
    (root / "data").mkdir()
    rows = [
        {"text": ("ab" if n % 3 else "?!") * (n + 1), "worth": n + n % 7, "id": f"t{n:02}"}
        for n in (k * 37 % 90 for k in range(90))
    ]
    (root / "data/toy.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    toy = Toy(root)
    toy.write_recipe()
    toy.write_hook()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJ_PROJECT", str(root))
        patch.setenv("DJ_HOME", str(root / "data_home"))
        patch.delenv("DJ_RECIPES", raising=False)
        toy.refine()
    return root


@pytest.fixture
def toy(refined_toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    root = tmp_path / "project"
    shutil.copytree(refined_toy, root)
    (root / "dagster_home").mkdir()
    shutil.copy(ROOT / "dagster_home" / "dagster.yaml", root / "dagster_home")
    monkeypatch.setenv("DJ_PROJECT", str(root))
    monkeypatch.setenv("DJ_HOME", str(root / "data_home"))
    monkeypatch.delenv("DJ_RECIPES", raising=False)
    return Toy(root)
