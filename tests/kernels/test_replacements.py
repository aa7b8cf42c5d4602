from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from dj_assets.kernels.arrays import buffers, strings
from dj_assets.kernels.code_points import SPACE, SPECIAL, code_point_flags
from dj_assets.kernels.replacements import gather, replace_characters, replacements, row_bounds, strip
from dj_assets.kernels.special_characters import SPECIAL_CHARACTERS

TABLE = {"a": "xyz", "é": "", "一": "e", "😀": "日本"}
# with this table, eight printable ASCII characters are passed over at a time
BEYOND_ASCII = {"é": "", "一": "e", "😀": "日本", "\n": "  "}
TEXTS = st.lists(st.text("aé一😀 b") | st.text("ab ~\x7f\né", max_size=40) | st.text(), max_size=5)


def replaced(texts: list[str], table: dict[str, str]) -> list[str] | None:
    data, offsets = buffers(pa.array(texts, pa.string()))
    found = replace_characters(data, *row_bounds(offsets), replacements(table))
    return None if found is None else strings(*found).to_pylist()


def stripped(texts: list[str], flag: int) -> list[str]:
    data, offsets = buffers(pa.array(texts, pa.string()))
    return strings(*gather(data, *strip(data, offsets, code_point_flags(), flag))).to_pylist()


@given(TEXTS)
def test_replacement_is_that_of_translate(texts: list[str]) -> None:
    for table in (TABLE, BEYOND_ASCII):
        wanted = [text.translate(str.maketrans(table)) for text in texts]
        assert replaced(texts, table) == (None if wanted == texts else wanted)


@given(st.lists(st.text(" \t\n\x1c\x85\xa0\u2003\u3000\u200ba一") | st.text(), max_size=5))
def test_strip_is_that_of_python(texts: list[str]) -> None:
    assert stripped(texts, SPACE) == [text.strip() for text in texts]


@given(st.lists(st.text("!一a😀\u200d8é"), max_size=5))
def test_strip_takes_special_characters(texts: list[str]) -> None:
    assert stripped(texts, SPECIAL) == [text.strip("".join(SPECIAL_CHARACTERS)) for text in texts]


def test_rows_of_a_slice() -> None:
    data, offsets = buffers(pa.array(["zz", "aéb", "b"]).slice(1))
    assert strings(*replace_characters(data, *row_bounds(offsets), replacements(TABLE))).to_pylist() == ["xyzb", "b"]
    assert gather(data, *row_bounds(offsets))[1].tolist() == np.array([0, 4, 5]).tolist()
