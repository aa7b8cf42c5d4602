from __future__ import annotations

import re

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from dj_assets.kernels.arrays import buffers, strings
from dj_assets.kernels.words import split_words


def split(texts: pa.StringArray) -> list[list[str]]:
    data, ends, rows = split_words(*buffers(texts))
    words = strings(data, ends).to_pylist()
    return [words[rows[i] : rows[i + 1]] for i in range(len(texts))]


@given(st.lists(st.text("ab é一 \t\n\r\v\xa0\u3000") | st.text(), max_size=6))
def test_words_are_those_of_three_separators(texts: list[str]) -> None:
    assert split(pa.array(texts, pa.string())) == [[w for w in re.split("[ \n\t]", text) if w] for text in texts]


def test_only_separators_and_slices() -> None:
    assert split(pa.array(["x y", " \n\t ", "a\rb c", "z"]).slice(1, 2)) == [[], ["a\rb", "c"]]
