from __future__ import annotations

from typing import Any

from dj_assets.operators.text.punctuation_normalization_mapper import PUNCTUATION, PunctuationNormalizationMapper


def test_by_hand(bench: Any) -> None:
    assert bench.rewritten(PunctuationNormalizationMapper(), "“你好”，世界。", "a—b…c．", "１", "plain, ‘x’", "") == [
        '"你好",世界.',
        "a - b...c. ",
        '"',
        "plain, ‘x'",
        "",
    ]


def test_a_text_without_any_is_the_same_object(bench: Any) -> None:
    made = PunctuationNormalizationMapper()
    batch = bench.batch(made, ["plain", "数据"])
    assert made.apply(batch) is batch


def test_the_table_maps_to_ascii() -> None:
    assert len(PUNCTUATION) == 34
    assert all(len(key) == 1 and not key.isascii() and value.isascii() for key, value in PUNCTUATION.items())
