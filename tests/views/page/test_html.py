from __future__ import annotations

from dj_assets.views.page.html import Html, joined, quoted_text, table, tag


def test_text_is_escaped_and_markup_is_not():
    assert tag("p", '<b> & "c"') == "<p>&lt;b&gt; &amp; &quot;c&quot;</p>"
    assert tag("p", tag("b", "x")) == "<p><b>x</b></p>"
    assert tag("a", "x", href='" onclick="y') == '<a href="&quot; onclick=&quot;y">x</a>'
    assert tag("meta", name="n", http_equiv="e") == '<meta name="n" http-equiv="e">'
    assert isinstance(joined(["<", Html("<i>")]), Html)
    assert joined(["<", Html("<i>")]) == "&lt;<i>"


def test_what_would_turn_or_hide_a_text_is_shown():
    assert quoted_text("a\u202eb\x00c\u200bd") == "<bdi>a\\u202eb\\u0000c\\u200bd</bdi>"
    assert quoted_text("\ud800") == "<bdi>\\ud800</bdi>"
    assert tag("p", "\ud800").encode() == b"<p>\\ud800</p>"
    assert quoted_text("é 中文 \n") == "<bdi>é 中文 \n</bdi>"


def test_tables_escape_their_cells():
    made = table(("a", "n"), [["<x>", "1"]], numbers_from=1)
    assert "&lt;x&gt;" in made
    assert '<td class="n">1</td>' in made
