from __future__ import annotations

import base64

from dj_assets.views.markdown import embed_png, embed_svg, table_markdown


def test_a_table() -> None:
    rows = [{"operator": "a|b", "in": 1234, "kept": 0.5}, {"operator": "c\nd", "in": 5, "kept": None}]
    assert table_markdown(rows) == (
        "| operator | in | kept |\n| :--- | ---: | ---: |\n| a\\|b | 1,234 | 0.5 |\n| c d | 5 | – |"
    )
    assert table_markdown([]) == ""


def test_rows_fall_away_from_the_end_and_it_is_said() -> None:
    rows = [{"n": n} for n in range(1000)]
    text = table_markdown(rows, limit_bytes=500)
    assert len(text.encode()) <= 500
    shown = text.count("\n| ") - 1
    assert text.endswith(f"\n\n… and {1000 - shown} more rows")
    assert f"| {shown - 1} |" in text


def test_a_picture_is_embedded_whole_or_a_sentence_stands_for_it() -> None:
    svg = "<svg>" + "x" * 900 + "ü</svg>"
    image = embed_svg(svg)
    prefix = "![distributions](data:image/svg+xml;base64,"
    assert image.startswith(prefix)
    assert base64.b64decode(image.removeprefix(prefix).removesuffix(")")).decode() == svg
    assert embed_svg(svg, limit_bytes=len(image)) == image
    assert embed_svg(svg, limit_bytes=len(image) - 1) == (
        f"*distributions: the picture takes {len(image):,} bytes, more than the {len(image) - 1:,} allowed here*"
    )


def test_a_thumbnail_stays_below_what_dagster_shows_inline() -> None:
    assert embed_png(b"x" * 600).startswith("![funnel](data:image/png;base64,")
    assert "the picture takes" in embed_png(b"x" * 800)
