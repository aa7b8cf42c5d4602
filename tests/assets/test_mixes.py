from __future__ import annotations

import dagster as dg
import pyarrow.parquet as pq
import pytest

from dj_assets.recipe.gallery import find_gallery
from tests.assets.conftest import GOOD, RECIPE, Project
from tests.paths import ROOT

MIX = """
name: both
group: mine
seed: 1
subsets:
  notes: {epochs: 2}
  others: {samples: 3}
"""


def mix_of(project: Project, instance: dg.DagsterInstance, text: str = MIX) -> dg.ExecuteInProcessResult:
    project.write_recipe(RECIPE.replace("notes", "others"), "others")
    project.write_rows(GOOD[:10], name="others")
    (project.root / "recipes/mine/both.mix.yaml").write_text(text)
    for subset in ("mine/notes", "mine/others"):
        assert project.materialize(instance, subset).success
    return project.materialize(instance, "mine/both")


def test_a_mix_stands_behind_its_subsets_and_counts_them(project, instance):
    run = mix_of(project, instance)
    assert run.success
    graph = project.definitions().resolve_asset_graph()
    parents = graph.get(dg.AssetKey(["mine", "both"])).parent_keys
    assert parents == {dg.AssetKey(["mine", "notes"]), dg.AssetKey(["mine", "others"])}
    (event,) = run.asset_materializations_for_node("mine__both")
    assert event.metadata["dagster/row_count"].value == 2 * 40 + 3
    rows = [record.data for record in event.metadata["shares"].records]
    assert [(row["subset"], row["samples"], row["epochs"]) for row in rows] == [("notes", 80, 2), ("others", 3, 1)]
    assert pq.read_table(project.root / "data_home/both/refined").num_rows == 83
    again = project.materialize(instance, "mine/both")
    (same,) = again.asset_materializations_for_node("mine__both")
    assert same.metadata["run_id"] == event.metadata["run_id"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (MIX.replace("epochs: 2", "epochs: x"), "both.mix.yaml: subsets.notes.epochs: Input should be a valid number"),
        (MIX.replace("name: both", "name: notes"), "both.mix.yaml: name: 'notes' is the name of a subset; rename it"),
    ],
)
def test_a_broken_mix_is_one_line_and_hides_nothing(project, text, words):
    (project.root / "recipes/mine/both.mix.yaml").write_text(text)
    (error,) = find_gallery((project.root / "recipes",)).broken.values()
    assert words in str(error)
    keys = project.definitions().resolve_asset_graph().get_all_asset_keys()
    assert dg.AssetKey(["mine", "notes"]) in keys


def test_the_demo_mix_is_made_of_subsets_of_the_demo():
    gallery = find_gallery((ROOT / "recipes",))
    assert not gallery.broken
    mix = gallery.mixes["demo_mix"]
    assert {gallery.recipes[name].asset.group for name in mix.subsets} == {"demo"}
