from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from dj_assets.operators.text.chinese_convert_mapper import ChineseConvertMapper


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("后来软件", "後來軟件"),
        ("plain", "plain"),
    ],
)
def test_rewrites(bench: Any, text: str, rewritten: str) -> None:
    assert bench.rewritten(ChineseConvertMapper(), text) == [rewritten]


def test_modes(bench: Any) -> None:
    assert bench.rewritten(ChineseConvertMapper(mode="t2s"), "後來") == ["后来"]
    assert bench.rewritten(ChineseConvertMapper(mode="s2twp"), "软件") == ["軟體"]
    with pytest.raises(ValidationError, match="mode"):
        ChineseConvertMapper(mode="s2x")
