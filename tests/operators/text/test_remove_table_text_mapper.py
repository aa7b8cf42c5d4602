from __future__ import annotations

from typing import Any

import pytest
import regex
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dj_assets.operators.text.remove_table_text_mapper import RemoveTableTextMapper


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("head\n1 2\n3 4\nend", "head\nend"),
        ("1 2\n3 4\n", "1 2\n3 4\n"),
        ("\n1 2\n3 4", "\n1 2\n3 4"),
        ("\na b\n\n\nc\td\n\nx", "\nx"),
        ("\na  b\nc d\n", "\na  b\nc d\n"),
        ("\na|b|c\nd e f\n", "\n"),
        ("\na||b\nc d\n", "\n"),
        ("\n|a\nc d\n", "\n|a\nc d\n"),
    ],
)
def test_rewrites(bench: Any, text: str, rewritten: str) -> None:
    assert bench.rewritten(RemoveTableTextMapper(), text) == [rewritten]


def test_only_so_many_columns(bench: Any) -> None:
    text = "\n1 2\n3 4\n1 2 3\n4 5 6\n"
    assert bench.rewritten(RemoveTableTextMapper(min_col=3), text) == ["\n1 2\n3 4\n"]
    assert bench.rewritten(RemoveTableTextMapper(max_col=2), text) == ["\n1 2 3\n4 5 6\n"]
    with pytest.raises(ValidationError, match=r"min_col \(5\) must not be greater than max_col \(4\)"):
        RemoveTableTextMapper(min_col=5, max_col=4)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text("ab |\t\n", max_size=24), columns=st.tuples(st.integers(2, 4), st.integers(4, 6)))
def test_as_the_pattern_it_stands_for(bench: Any, text: str, columns: tuple[int, int]) -> None:
    wanted = text
    for separators in range(columns[0] - 1, columns[1]):
        wanted = regex.sub(rf"(?<=\n)((\S+?)([ |\t](\S+?)){{{separators}}}\n+){{2,}}", "", wanted)
    assert bench.rewritten(RemoveTableTextMapper(min_col=columns[0], max_col=columns[1]), text) == [wanted]
