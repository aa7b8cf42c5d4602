from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from dj_assets.assets.asset_graph import gallery_definitions
from dj_assets.recipe.gallery import find_gallery
from tests.paths import ROOT

RECIPE = """
project_name: notes
asset:
  subset: notes
  group: mine
  description: Notes of a traveller.
  source: {paths: data/notes.jsonl}
  reference: {rows_in: 400, rows_out: 300, published_retention: 0.75}
  links: {Docs: "https://example.org/notes"}
process:
  - whitespace_normalization_mapper:
  - text_length_filter: {min_len: 12, max_len: 1000}
  - alphanumeric_filter: {min_ratio: 0.5}
  - document_simhash_deduplicator: {window_size: 3}
"""

PLACES = "harbour market tower garden station museum bridge valley castle library".split()
GOOD = [
    f"On day {n} we saw the {PLACES[n % 10]}, and then {7 * n} gulls over the {PLACES[n * 3 % 7]}." for n in range(40)
]
ROWS = [*GOOD, "short", "!!! ??? *** ((( ))) ___ ~~~", GOOD[3], GOOD[5]]


@dataclass(frozen=True)
class Project:
    """A project of its own: recipes, data, results and Dagster instance below one temporary folder."""

    root: Path

    def write_recipe(self, text: str = RECIPE, name: str = "notes", group: str = "mine") -> Path:
        path = self.root / "recipes" / group / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def write_rows(self, texts: Iterable[str], bad_lines: int = 0, name: str = "notes") -> None:
        path = self.root / "data" / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        lines = [json.dumps({"text": text, "url": f"https://example.org/{n}"}) for n, text in enumerate(texts)]
        path.write_text("\n".join([*lines, *['{"text": "broken'] * bad_lines]) + "\n", "utf-8")

    def definitions(self) -> dg.Definitions:
        return gallery_definitions(find_gallery((self.root / "recipes",)))

    def materialize(
        self, instance: dg.DagsterInstance, subset: str = "mine/notes", definitions: dg.Definitions | None = None
    ) -> dg.ExecuteInProcessResult:
        job = (definitions or self.definitions()).resolve_implicit_global_asset_job_def()
        key = dg.AssetKey(subset.split("/"))
        return job.execute_in_process(instance=instance, asset_selection=[key], raise_on_error=False)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("DJ_PROJECT", str(tmp_path))
    monkeypatch.setenv("DJ_HOME", str(tmp_path / "data_home"))
    monkeypatch.delenv("DJ_RECIPES", raising=False)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    (tmp_path / "dagster_home").mkdir()
    shutil.copy(ROOT / "dagster_home" / "dagster.yaml", tmp_path / "dagster_home")
    made = Project(tmp_path)
    made.write_recipe()
    made.write_rows(ROWS)
    return made


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral
