from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dj_assets.operators.text.remove_long_words_mapper import RemoveLongWordsMapper


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("a  b\t\tc \n\n d ", "a b\tc\nd"),
        (" \t \n", ""),
        ("", ""),
        ("x\ty z", "x\ty z"),
    ],
)
def test_rewrites(bench: Any, text: str, rewritten: str) -> None:
    assert bench.rewritten(RemoveLongWordsMapper(), text) == [rewritten]


def test_words_of_the_wrong_length_go(bench: Any) -> None:
    made = RemoveLongWordsMapper(min_len=2, max_len=4)
    assert bench.rewritten(made, "a four ((four)) fiver\tno\nx\n\tyes") == ["four ((four))\tno\nyes"]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text("ab二 \t\n\r", max_size=30), longest=st.integers(1, 3))
def test_as_plain_python(bench: Any, text: str, longest: int) -> None:
    lines = [
        [[word for word in cell.split(" ") if word and len(word.strip("\r")) <= longest] for cell in line.split("\t")]
        for line in text.split("\n")
    ]
    joined = ["\t".join(" ".join(cell) for cell in line if cell) for line in lines]
    made = RemoveLongWordsMapper(min_len=0, max_len=longest)
    assert bench.rewritten(made, text) == ["\n".join(line for line in joined if line)]
