from __future__ import annotations

import json

import pytest

from dj_assets import settings
from dj_assets.errors import RecipeError
from dj_assets.included import sample_path
from dj_assets.recipe.gallery import (
    find_gallery,
    reading_like,
    reference_sources,
    refined_references,
    source_paths,
    sources_of,
)
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
    "alpaca_en": "alpaca_cot/alpaca-cot-en",
    "alpaca_zh": "alpaca_cot/alpaca-cot-zh",
    "redpajama_code": "github_code/redpajama-code",
    "the_stack": "github_code/stack-code",
}
# Recipes of other folders, which the gallery publishes no figures for.
OTHER_FILES = {
    "reproduced_arxiv": "reproduced_redpajama/redpajama-arxiv.yaml",
    "reproduced_books": "reproduced_redpajama/redpajama-books.yaml",
    "reproduced_stackexchange": "reproduced_redpajama/redpajama-stackexchange.yaml",
    "reproduced_code": "reproduced_redpajama/redpajama-code.yaml",
    "bloom_oscar": "reproduced_bloom/bloom-oscar.yaml",
    "demo_process": "demo/process.yaml",
    "demo_analyze": "demo/analyzer.yaml",
    "demo_dedup": "demo/dedup.yaml",
}
# Half of a union: the row of the gallery is about the whole.
HALVES = ("redpajama_code", "the_stack")
UNION = "data_juicer_recipes/github_code/redpajama-stack-code-deduplicate.yaml"


def test_the_shipped_recipes_are_the_gallerys_operator_by_operator():
    gallery = json.loads((shared() / "spec/gallery.json").read_text())
    ours = find_gallery((settings.project_root() / "recipes",)).recipes
    rows = {file: row for row in gallery["gallery"] for file in row["recipes"]}
    for subset, file in FILES.items():
        want = load_recipe({"process": gallery["recipes"][f"data_juicer_recipes/{file}-refine.yaml"]["process"]})
        assert ours[subset].process == want.process, subset
        if subset in HALVES:
            continue
        row, reference = rows[f"{file.rpartition('/')[2]}-refine.yaml"], ours[subset].asset.reference
        assert (reference.rows_in, reference.rows_out) == (sum(row["rows_in"]), row["rows_out"])
        assert reference.published_retention == row["published_retention"]
        assert ours[subset].asset.links == row["refined_data"]


def test_recipes_without_published_figures_are_those_of_data_juicer():
    recipes = json.loads((shared() / "spec/gallery.json").read_text())["recipes"]
    ours = find_gallery((settings.project_root() / "recipes",)).recipes
    for subset, file in OTHER_FILES.items():
        assert ours[subset].process == load_recipe({"process": recipes[file]["process"]}).process, subset
        assert ours[subset].asset.reference is None


def test_the_code_of_github_is_a_union_of_two_refined_subsets():
    gallery = json.loads((shared() / "spec/gallery.json").read_text())
    ours = find_gallery((settings.project_root() / "recipes",)).recipes["code"]
    assert ours.process == load_recipe({"process": gallery["recipes"][UNION]["process"]}).process
    assert [(source.subset, source.text_key) for source in ours.asset.source] == [
        ("redpajama_code", None),
        ("the_stack", "content"),
    ]
    (row,) = [row for row in gallery["gallery"] if row["subset"] == "Github Code"]
    assert (ours.asset.reference.rows_in, ours.asset.reference.rows_out) == (sum(row["rows_in"]), row["rows_out"])
    assert ours.asset.reference.rows_in == 73208524 + 21387703
    assert ours.asset.links == row["refined_data"]


def test_alpaca_english_keeps_both_rates():
    ours = find_gallery((settings.project_root() / "recipes",)).recipes
    reference = ours["alpaca_en"].asset.reference
    assert reference.published_retention == 0.5448
    assert round(reference.computed_retention, 4) == 0.5348
    assert ours["the_stack"].text_key == "content"


def test_every_shipped_recipe_loads_and_its_source_is_there():
    gallery = find_gallery((settings.project_root() / "recipes",))
    assert set(FILES) <= set(gallery.recipes)
    assert gallery.broken == {}
    for recipe in gallery.recipes.values():
        for source in recipe.asset.source:
            assert source.subset is None or source.subset in gallery.recipes
            for path in source.paths:
                assert sample_path(path).exists(), path


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
    gallery = find_gallery((tmp_path,))
    assert gallery.recipes["same"].file == str(tmp_path / "a.yaml")
    (error,) = gallery.broken.values()
    assert str(error) == (f"{tmp_path}/b.yaml: asset.subset: subset 'same' is taken by {tmp_path}/a.yaml; rename one")


@pytest.mark.parametrize("code", ["import nothing_like_it\n", "def broken(:\n", "1 / 0\n"])
def test_a_custom_operator_that_cannot_be_imported_hides_only_its_recipe(tmp_path, code):
    (tmp_path / "own.py").write_text(code)
    (tmp_path / "a.yaml").write_text("custom_operator_paths: own.py\n" + RECIPE)
    (tmp_path / "b.yaml").write_text(RECIPE)
    gallery = find_gallery((tmp_path,))
    assert list(gallery.recipes) == ["b"]
    (error,) = gallery.broken.values()
    assert "own.py: custom_operator_paths: cannot be imported: " in str(error)


def test_sources_yaml_and_the_environment_point_a_subset_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("DJ_PROJECT", str(tmp_path))
    block = {"subset": "mine", "group": "g", "source": {"paths": "default.jsonl"}}
    recipe = load_recipe({"process": ["text_length_filter"], "asset": block})
    assert source_paths(recipe) == ("default.jsonl",)
    (tmp_path / "sources.yaml").write_text("mine: [/data/a.jsonl, /data/b.jsonl]\n")
    assert source_paths(recipe) == ("/data/a.jsonl", "/data/b.jsonl")
    monkeypatch.setenv("DJ_SOURCE_MINE", "/other/c.jsonl:/other/d.jsonl")
    assert source_paths(recipe) == ("/other/c.jsonl", "/other/d.jsonl")


def test_sources_yaml_and_the_environment_point_a_reference_set_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("DJ_PROJECT", str(tmp_path))
    block = {"subset": "mine", "group": "g", "against": {"path": "heldout.jsonl", "text_key": "content"}}
    recipe = load_recipe({"process": ["document_deduplicator"], "asset": block})
    (own,) = reference_sources(recipe)
    assert (own.paths, own.text_key) == (("heldout.jsonl",), "content")
    (tmp_path / "sources.yaml").write_text("mine.against: [/data/a.jsonl, /data/b.jsonl]\nmine: /data/mine.jsonl\n")
    (listed,) = reference_sources(recipe)
    assert (listed.paths, listed.text_key) == (("/data/a.jsonl", "/data/b.jsonl"), "content")
    monkeypatch.setenv("DJ_AGAINST_MINE", "/other/c.jsonl")
    assert [source.paths for source in reference_sources(recipe)] == [("/other/c.jsonl",)]
    assert [source.paths for source in reference_sources(recipe, ["given.jsonl"])] == [("given.jsonl",)]


def test_a_redirected_reference_set_may_be_a_refined_subset(tmp_path, monkeypatch):
    monkeypatch.setenv("DJ_PROJECT", str(tmp_path))
    recipe = load_recipe({"process": ["document_deduplicator"], "asset": {"subset": "mine", "group": "g"}})
    assert refined_references(recipe) == ()
    (tmp_path / "sources.yaml").write_text("mine.against: [{subset: c4}]\n")
    assert refined_references(recipe) == ("c4",)


def test_no_source_says_where_to_add_one():
    recipe = load_recipe({"process": ["text_length_filter"], "asset": {"subset": "bare", "group": "g"}})
    with pytest.raises(RecipeError, match=r"asset\.source\.paths: has no source; add it, or 'bare' to sources\.yaml"):
        source_paths(recipe)


def test_sources_from_outside_are_read_as_the_recipe_reads_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("DJ_PROJECT", str(tmp_path))
    block = {"subset": "mine", "group": "g", "source": {"path": "raw", "format": "alpaca_cot", "language": "zh"}}
    recipe = load_recipe({"process": ["text_length_filter"], "asset": block})
    (tmp_path / "sources.yaml").write_text("mine: /data/raw\n")
    (source,) = sources_of(recipe)
    assert (source.paths, source.format, source.language) == (("/data/raw",), "alpaca_cot", "zh")
    (tmp_path / "sources.yaml").write_text("mine: [{path: x.jsonl, text_key: content}, {subset: c4}]\n")
    first, second = sources_of(recipe)
    assert (first.paths, first.text_key, first.format, second.subset) == (("x.jsonl",), "content", None, "c4")
    (tmp_path / "sources.yaml").write_text("mine: [{path: x.jsonl, textkey: content}]\n")
    with pytest.raises(RecipeError, match=r"sources\.yaml: mine: must be paths or sources"):
        sources_of(recipe)


def test_as_many_inputs_as_sources_stand_in_for_them():
    block = {"subset": "code", "group": "g", "source": [{"subset": "a"}, {"subset": "b", "text_key": "content"}]}
    recipe = load_recipe({"process": ["text_length_filter"], "asset": block})
    first, second = reading_like(recipe, ["x", "y"])
    assert (first.paths, first.text_key, first.origin) == (("x",), None, "a")
    assert (second.paths, second.text_key, second.origin) == (("y",), "content", "b")
    (plain,) = reading_like(recipe, ["x", "y", "z"])
    assert (plain.paths, plain.text_key) == (("x", "y", "z"), None)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({}, "needs either paths or the name of a refined subset"),
        ({"path": "a", "subset": "b"}, "needs either paths or the name of a refined subset"),
        ({"subset": "b", "format": "arxiv"}, "a refined subset has no raw format"),
        ({"path": "a", "language": "en"}, "language goes with the format alpaca_cot"),
        ([{"path": "a", "format": "latex"}], "must be 'alpaca_cot', 'arxiv', 'llava'"),
    ],
)
def test_a_mistake_in_a_source_is_one_line(source, message):
    with pytest.raises(RecipeError, match=r"asset\.source") as error:
        load_recipe({"process": ["text_length_filter"], "asset": {"subset": "s", "group": "g", "source": source}})
    assert message in str(error.value)


def test_a_subset_stands_behind_its_sources_and_one_that_cannot_be_is_broken(tmp_path):
    for name, source in {"a": "c", "b": "a", "c": None, "d": "e", "e": "d", "f": "cc"}.items():
        given = f"{{subset: {source}}}" if source else "{path: x.jsonl}"
        (tmp_path / f"{name}.yaml").write_text(RECIPE + f"asset: {{subset: {name}, group: g, source: {given}}}\n")
    gallery = find_gallery((tmp_path,))
    assert list(gallery.recipes) == ["c", "a", "b"]
    errors = {path.stem: str(error) for path, error in gallery.broken.items()}
    assert "asset.source.subset: is made of itself: d <- e <- d" in errors["d"]
    assert "is made of itself" in errors["e"]
    assert "no recipe refines 'cc'; did you mean 'c'?" in errors["f"]


def test_a_subset_stands_behind_what_it_is_deduplicated_against(tmp_path):
    for name, against in {"a": "b", "b": None, "c": "c", "d": "bb"}.items():
        given = f", against: {{subset: {against}}}" if against else ""
        block = f"asset: {{subset: {name}, group: g, source: {{path: x.jsonl}}{given}}}\n"
        (tmp_path / f"{name}.yaml").write_text(RECIPE + block)
    gallery = find_gallery((tmp_path,))
    assert list(gallery.recipes) == ["b", "a"]
    errors = {path.stem: str(error) for path, error in gallery.broken.items()}
    assert "asset.against.subset: is made of itself: c <- c" in errors["c"]
    assert "asset.against.subset: no recipe refines 'bb'" in errors["d"]
