"""The report of a real run: everything is in it, it needs nothing beside it, and no text of the data acts in it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

import dj_assets
from dj_assets.home.layout import Layout
from dj_assets.views.page.document import SECTIONS

EVIL = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"
RECIPE = """
project_name: "evil <b>name</b>"
asset:
  subset: evil
  group: mine
  description: "About <script>alert(2)</script> and *stars*"
  source: {paths: x.jsonl}
  licence: "All rights <reserved>"
  reference: {rows_in: 400, rows_out: 300, published_retention: 0.75}
process:
  - whitespace_normalization_mapper:
  - text_length_filter: {min_len: 60, max_len: 5000}
  - document_simhash_deduplicator: {tokenization: character, window_size: 2, hamming_distance: 12, num_blocks: 14}
"""
LONG = f"{EVIL} a text that is long enough to be kept by the recipe, once"


class Tags(HTMLParser):
    """Every tag and what it refers to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.targets: list[str] = []
        self.handlers: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.targets += [value for name, value in attrs if name in {"href", "src", "srcset", "action", "data"}]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


@pytest.fixture(scope="module")
def layout(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evil")
    records = [
        {"id": f"first {EVIL}", "text": LONG},
        {"id": f"twin {EVIL}", "text": f"{LONG} more"},
        {"id": f"short {EVIL}", "text": f"{EVIL[:50]}"},
        {"id": "\u202eturned\x00", "text": "</style></title><svg onload=alert(3)>"},
        {"id": "other", "text": "another text that has nothing to do with the first one and is as long, longer even"},
    ]
    source = folder / "x<i>.jsonl"
    source.write_text("".join(json.dumps(record) + "\n" for record in records) + '{"<script>": \n')
    (folder / "evil.yaml").write_text(RECIPE)
    dj_assets.run_recipe(folder / "evil.yaml", [source], folder / "out", workers=1)
    return Layout.output(folder / "out")


@pytest.fixture(scope="module")
def page(layout):
    return layout.report.read_text("utf-8")


def test_nothing_of_the_data_is_markup(page):
    tags = Tags(page)
    assert tags.handlers == []
    assert not {"script", "img", "b>name", "object", "iframe", "link", "base"} & set(tags.names)
    assert page.count("<title>") == 1
    assert page.count("<style>") == 1
    assert "&lt;script&gt;document.title" in page
    assert "\\u202eturned\\u0000" in page


def test_it_needs_nothing_beside_it(page):
    tags = Tags(page)
    assert tags.targets
    assert all(target.startswith("#") for target in tags.targets)
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src &#x27;none&#x27;" in page


def test_every_section_is_there_and_linked(page):
    titles = re.findall(r'<section id="([a-z]+)">', page)
    # six of them are there only for recipes with their operators, and one for subsets of subsets
    assert len(titles) == len(SECTIONS) - 7
    assert [target.removeprefix("#") for target in Tags(page).targets] == titles


def test_what_a_person_features_for_is_there(page):
    words = re.sub(r"<[^>]+>", " ", page)
    for wanted in (
        "2 of 6 samples",
        "33.33 %",
        "75.00 %",
        "dropped most",
        "below min_len 60",
        "was dropped,",
        "No model was used.",
        "The thresholds are in",
        "min_len: 60",
        "conservation",
        "nothing to compare with: no earlier run kept its distributions",
    ):
        assert wanted in words, wanted
    assert "<ins>" in page, "duplicates are marked where they differ"
    assert "prefers-color-scheme: dark" in page


def test_the_card(layout):
    card = layout.card.read_text("utf-8")
    head, body = card.split("---\n")[1:3]
    assert "license: other" in head
    assert "license_name: All rights <reserved>" in head
    assert "n<1K" in head
    assert "<script>" not in body.split("## Recipe")[0]
    assert "All rights &#60;reserved&#62;" in body
    assert "| samples in | 6 |" in body
    assert "| document_simhash_deduplicator |" in body
    assert "min_len: 60" in body


def test_a_run_of_a_dict_has_a_recipe_that_runs_again(tmp_path, layout):
    source = tmp_path / "a.jsonl"
    source.write_text('{"text": "some text"}\n')
    recipe = {"process": [{"text_length_filter": {"min_len": 3}}]}
    result = dj_assets.run_recipe(recipe, [source], tmp_path / "one", workers=1)
    block = (tmp_path / "one/dataset_card.md").read_text().split("```yaml\n")[1].split("```")[0]
    (tmp_path / "again.yaml").write_text(block)
    again = dj_assets.run_recipe(tmp_path / "again.yaml", [source], tmp_path / "two", workers=1)
    assert again.data_version == result.data_version


def test_nothing_in_and_jsonl_out(tmp_path):
    source = tmp_path / "a.jsonl"
    source.write_text("\n")
    dj_assets.run_recipe({"process": ["text_length_filter"]}, [source], tmp_path / "out", workers=1, format="jsonl")
    assert "No operator dropped a sample." in (tmp_path / "out/report.html").read_text()
