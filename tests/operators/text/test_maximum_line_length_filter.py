from __future__ import annotations

from typing import Any

from dj_assets.operators.text.maximum_line_length_filter import MaximumLineLengthFilter


def test_longest_line_without_its_break(bench: Any) -> None:
    texts = ["", "abc\n", "a\r\nbcd\vefghi", "数据\n数", "\n\n"]
    assert bench.measured(MaximumLineLengthFilter(), *texts) == [0, 3, 5, 2, 0]
