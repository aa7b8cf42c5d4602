from __future__ import annotations

from typing import Any

import pytest

from dj_assets.operators.text.remove_specific_chars_mapper import RemoveSpecificCharsMapper


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("◆ a ■□", " a "),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_rewrites(bench: Any, text: str, rewritten: str) -> None:
    assert bench.rewritten(RemoveSpecificCharsMapper(), text) == [rewritten]


def test_lists_are_their_characters_and_nothing_is_nothing(bench: Any) -> None:
    assert bench.rewritten(RemoveSpecificCharsMapper(chars_to_remove=["ab", "]^-"]), "cab]-^|") == ["c|"]
    assert bench.rewritten(RemoveSpecificCharsMapper(chars_to_remove=None), "◆") == ["◆"]
