from __future__ import annotations

from typing import Any

import pytest

from dj_assets.operators.text.remove_non_chinese_character_mapper import RemoveNonChineseCharacterMapper


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("你好，world 1\n😀", "你好，world 1"),
        ("çé一龥龦", "一龥"),
        ("", ""),
    ],
)
def test_rewrites(bench: Any, text: str, rewritten: str) -> None:
    assert bench.rewritten(RemoveNonChineseCharacterMapper(), text) == [rewritten]


def test_each_kind_may_go(bench: Any) -> None:
    made = RemoveNonChineseCharacterMapper(keep_alphabet=False, keep_number=False, keep_punc=False)
    assert bench.rewritten(made, "你好，world 1。") == ["你好"]
