from __future__ import annotations

import pytest

from dj_assets.recipe.load import load_recipe
from dj_assets.reference.gallery_docs import (
    SAMPLE_HEADING,
    render_gallery_page,
    shipped_recipes,
    static_part,
    write_gallery_page,
)
from dj_assets.subset import Options, Subset
from tests.paths import ROOT


def test_the_page_is_as_new_as_the_recipes() -> None:
    page = (ROOT / "docs/gallery.md").read_text("utf-8")
    assert static_part(page) == render_gallery_page(shipped_recipes()), "run 'make docs'"
    assert SAMPLE_HEADING in page


def row(page: str, asset: str) -> list[str]:
    [line] = [line for line in page.splitlines() if line.startswith(f"| `{asset}` |") and " % |" in line]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_published_beside_computed() -> None:
    page = static_part(render_gallery_page(shipped_recipes()))
    assert row(page, "redpajama/c4") == ["`redpajama/c4`", "364,868,892", "344,491,171", "94.42 %", "94.42 %"]


def test_a_published_rate_that_its_counts_do_not_give_stands_out() -> None:
    reference = {"rows_in": 136219879, "rows_out": 72855345, "published_retention": 0.5448}
    asset = {"subset": "alpaca_en", "group": "alpaca_cot", "reference": reference}
    page = render_gallery_page([load_recipe({"process": ["text_length_filter"], "asset": asset})])
    assert row(page, "alpaca_cot/alpaca_en")[-2:] == ["54.48 %", "**53.48 %**"]


def test_runs_over_the_sample_data_are_shown_and_stay(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("DJ_HOME", str(tmp_path / "home"))
    recipe = next(recipe for recipe in shipped_recipes() if recipe.name == "pile/europarl")
    ran = Subset.of_asset(recipe, Options(workers=1)).run()
    page = tmp_path / "gallery.md"
    write_gallery_page(page, tmp_path / "home")
    samples = page.read_text().partition(SAMPLE_HEADING)[2]
    assert row(samples, "pile/europarl")[1:3] == [str(ran.samples_in), str(ran.samples_out)]
    assert "document_simhash_deduplicator" in samples
    before = page.read_text()
    write_gallery_page(page, tmp_path / "empty")
    assert page.read_text() == before


def test_runs_over_other_data_are_not_sample_data(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("DJ_HOME", str(tmp_path / "home"))
    (tmp_path / "mine.jsonl").write_text('{"text": "a text of my own"}\n')
    monkeypatch.setenv("DJ_SOURCE_EUROPARL", str(tmp_path / "mine.jsonl"))
    recipe = next(recipe for recipe in shipped_recipes() if recipe.name == "pile/europarl")
    Subset.of_asset(recipe, Options(workers=1)).run()
    write_gallery_page(tmp_path / "gallery.md", tmp_path / "home")
    assert "No runs over the sample data" in (tmp_path / "gallery.md").read_text()


@pytest.mark.parametrize("name", ["gallery.md", "operators.md"])
def test_pages_end_with_one_line_feed(name: str) -> None:
    text = (ROOT / "docs" / name).read_text("utf-8")
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
