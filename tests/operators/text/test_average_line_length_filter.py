from __future__ import annotations

from typing import Any

import pytest

from dj_assets.operators.text.average_line_length_filter import AverageLineLengthFilter


@pytest.mark.parametrize(
    ("text", "average"),
    [("", 0.0), ("abc", 3.0), ("ab\ncd\n", 3.0), ("\n", 1.0), ("a\r\nb", 2.0), ("a\u2028bcd", 2.5), ("\n\nabcd", 2.0)],
)
def test_breaks_count_into_the_length(bench: Any, text: str, average: float) -> None:
    assert bench.measured(AverageLineLengthFilter(), text) == [average]
