from __future__ import annotations

from typing import Any

import pytest

from dj_assets.operators.text.remove_comments_mapper import RemoveCommentsMapper


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("a%b", ""),
        ("50 %x", "50"),
        ("50\\% y", "50\\% y"),
        ("text %", "text %"),
        ("% whole\nnext", "next"),
        ("one\n%two\nthree", "one\nthree"),
        ("a\n\n%x y\nb", "a\n\nb"),
    ],
)
def test_rewrites(bench: Any, text: str, rewritten: str) -> None:
    assert bench.rewritten(RemoveCommentsMapper(), text) == [rewritten]


def test_each_kind_alone(bench: Any) -> None:
    text = "a b%c\n%d\n"
    assert bench.rewritten(RemoveCommentsMapper(inline=False), text) == ["a b%c\n"]
    assert bench.rewritten(RemoveCommentsMapper(multiline=False, doc_type=["tex"]), text) == ["a \n%d\n"[:2] + "\n"]
