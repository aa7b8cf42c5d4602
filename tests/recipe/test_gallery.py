from __future__ import annotations

import json

import pytest

from dj_assets import settings
from dj_assets.errors import RecipeError
from dj_assets.recipe.gallery import find_gallery, source_paths
from dj_assets.recipe.load import load_recipe
from tests.paths import shared

RECIPE = "process: [text_length_filter]\n"
FILES = {
    "arxiv": "redpajama-arxiv",
    "book": "redpajama-book",
    "wiki": "redpajama-wiki",
    "c4": "redpajama-c4",
    "cc_2019_30": "redpajama-cc-2019-30",
    "cc_2020_05": "redpajama-cc-2020-05",
    "cc_2021_04": "redpajama-cc-2021-04",
    "cc_2022_05": "redpajama-cc-2022-05",
    "cc_2023_06": "redpajama-cc-2023-06",
    "stackexchange": "redpajama-pile-stackexchange",
    "europarl": "pile-europarl",
    "freelaw": "pile-freelaw",
    "hackernews": "pile-hackernews",
    "nih": "pile-nih",
    "philpapers": "pile-philpaper",
    "pubmed_abstract": "pile-pubmed-abstract",
    "pubmed_central": "pile-pubmed-central",
    "uspto": "pile-uspto",
}


def test_the_shipped_recipes_are_the_gallerys_operator_by_operator():
    gallery = json.loads((shared() / "spec/gallery.json").read_text())
    ours = find_gallery((settings.project_root() / "recipes",)).recipes
    rows = {file: row for row in gallery["gallery"] for file in row["recipes"]}
    for subset, file in FILES.items():
        want = load_recipe({"process": gallery["recipes"][f"data_juicer_recipes/{file}-refine.yaml"]["process"]})
        assert ours[subset].process == want.process, subset
        row, reference = rows[f"{file}-refine.yaml"], ours[subset].asset.reference
        assert (reference.rows_in, reference.rows_out) == (sum(row["rows_in"]), row["rows_out"])
        assert reference.published_retention == row["published_retention"]
        assert ours[subset].asset.links == row["refined_data"]


def test_every_shipped_recipe_loads_and_its_source_is_there():
    gallery = find_gallery((settings.project_root() / "recipes",))
    assert set(FILES) <= set(gallery.recipes)
    assert gallery.broken == {}
    for recipe in gallery.recipes.values():
        for source in recipe.asset.source:
            assert source.subset is None or source.subset in gallery.recipes
            for path in source.paths:
                assert (settings.project_root() / path).exists(), path


def test_a_yaml_without_asset_block_becomes_an_asset_named_by_its_place(tmp_path):
    folder = tmp_path / "my-web"
    folder.mkdir()
    (folder / "News 2024.yaml").write_text("dataset_path: x.jsonl\n" + RECIPE)
    recipe = find_gallery((tmp_path,)).recipes["news_2024"]
    assert recipe.name == "my_web/news_2024"
    assert source_paths(recipe) == ("x.jsonl",)


def test_a_broken_recipe_does_not_hide_the_others(tmp_path):
    (tmp_path / "good.yaml").write_text(RECIPE)
    (tmp_path / "bad.yaml").write_text("process: [text_lenght_filter]\n")
    gallery = find_gallery((tmp_path,))
    assert list(gallery.recipes) == ["good"]
    (error,) = gallery.broken.values()
    assert "did you mean 'text_length_filter'?" in str(error)


def test_two_recipes_of_one_subset_are_an_error(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(RECIPE + "asset: {subset: same, group: g}\n")
    with pytest.raises(RecipeError, match=r"b\.yaml: asset\.subset: subset 'same' is taken by .*a\.yaml; rename one"):
        find_gallery((tmp_path,))


def test_sources_yaml_and_the_environment_point_a_subset_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("DJ_PROJECT", str(tmp_path))
    block = {"subset": "mine", "group": "g", "source": {"paths": "default.jsonl"}}
    recipe = load_recipe({"process": ["text_length_filter"], "asset": block})
    assert source_paths(recipe) == ("default.jsonl",)
    (tmp_path / "sources.yaml").write_text("mine: [/data/a.jsonl, /data/b.jsonl]\n")
    assert source_paths(recipe) == ("/data/a.jsonl", "/data/b.jsonl")
    monkeypatch.setenv("DJ_SOURCE_MINE", "/other/c.jsonl:/other/d.jsonl")
    assert source_paths(recipe) == ("/other/c.jsonl", "/other/d.jsonl")


def test_no_source_says_where_to_add_one():
    recipe = load_recipe({"process": ["text_length_filter"], "asset": {"subset": "bare", "group": "g"}})
    with pytest.raises(RecipeError, match=r"asset\.source\.paths: has no source; add it, or 'bare' to sources\.yaml"):
        source_paths(recipe)
