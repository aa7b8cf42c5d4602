from __future__ import annotations

from typing import Any

import pytest

from dj_assets.errors import SampleError
from dj_assets.operators.text.clean_html_mapper import CleanHtmlMapper
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("<p>a</p><p>b&amp;c</p>", "ab&c"),
        ("<ul><li>one</li><li>two</li></ul>", "\n*one\n*two"),
        ("a < b", "a < b"),
        ("  lead", "lead"),
        ("x<style>y</style><script>z</script>", "xyz"),
        ("end <tag", "end "),
        ("a\r\nb", "a\nb"),
        ("", ""),
        ("<title>t</title><style>s</style>b", "tsb"),
        ("<title>t</title>", "t"),
        ("<head><title>T</title></head><p>a", "Ta"),
        ("<template>q</template><noscript>k</noscript>", "k"),
        ("<!doctype html><frameset><frame></frameset>", ""),
    ],
)
def test_rewrites(bench: Any, text: str, rewritten: str) -> None:
    assert bench.rewritten(CleanHtmlMapper(), text) == [rewritten]


def test_values_measured_without_the_head_are_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = load_recipe({"process": [{"clean_html_mapper": None}]})
    now = make_plan(recipe).stats_hash
    monkeypatch.setattr(CleanHtmlMapper, "version", 1)
    assert make_plan(recipe).stats_hash != now


@pytest.mark.parametrize(
    "html", ["<div>" * 60_000, "<p>" + "".join(f"<b id={i}>" for i in range(9000)) + "</p>" + "<p>x" * 9000]
)
def test_pages_made_to_take_forever_are_refused(bench: Any, html: str) -> None:
    with pytest.raises(SampleError, match="nested too deep"):
        bench.rewritten(CleanHtmlMapper(), html)


def test_a_tag_with_attributes_without_end_is_refused(bench: Any) -> None:
    with pytest.raises(SampleError, match="attributes"):
        bench.rewritten(CleanHtmlMapper(), "<a " + "x " * 200_000 + ">")


def test_long_flat_pages_are_parsed(bench: Any) -> None:
    rows = "<tr><td>1<td>2<br></tr>" * 20_000
    assert bench.rewritten(CleanHtmlMapper(), f"<table>{rows}</table>") == ["12" * 20_000]
