from __future__ import annotations

from typing import Any

from dj_assets.operators.text.text_length_filter import TextLengthFilter


def test_length_is_in_code_points(bench: Any) -> None:
    assert bench.measured(TextLengthFilter(), "", "abc", "数据", "😀e\u0301", "\x00") == [0, 3, 2, 3, 1]


def test_numbers_as_recipes_write_them() -> None:
    assert TextLengthFilter(max_len="2e5").max_len == 200_000


def test_without_a_maximum_there_is_no_upper_bound() -> None:
    assert TextLengthFilter().condition.high is None
    assert TextLengthFilter(max_len=20).condition.high == 20
