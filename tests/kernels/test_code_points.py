from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dj_assets.kernels.arrays import buffers, strings
from dj_assets.kernels.code_points import (
    ALNUM,
    ALPHA,
    CODE_POINTS,
    LETTERS_END,
    LINE_BREAK,
    SPACE,
    SPECIAL,
    code_point_flags,
    count_characters,
    decode,
)
from dj_assets.kernels.special_characters import SPECIAL_CHARACTERS

TEXT = st.text(st.characters(codec="utf-8"))
LINES = st.text(st.sampled_from("ab \t\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029é一😀"))


def counted(texts: list[str]) -> list[list[int]]:
    return count_characters(*buffers(pa.array(texts, pa.string())), code_point_flags()).tolist()


def naive(text: str) -> list[int]:
    lines = text.splitlines()
    return [
        len(text),
        sum(map(str.isalnum, text)),
        sum(map(str.isalpha, text)),
        sum(c in SPECIAL_CHARACTERS for c in text),
        len(lines),
        max(map(len, lines), default=0),
    ]


@pytest.mark.parametrize(("flag", "test"), [(ALNUM, str.isalnum), (ALPHA, str.isalpha), (SPACE, str.isspace)])
def test_flags_are_those_of_python(flag: int, test: object) -> None:
    flags = code_point_flags()
    assert all(bool(flags[point] & flag) == test(chr(point)) for point in range(CODE_POINTS))


def test_line_breaks_are_those_of_splitlines() -> None:
    flags = code_point_flags()
    breaks = [p for p in range(CODE_POINTS) if len(f"a{chr(p)}b".splitlines()) == 2]
    assert np.flatnonzero(flags & LINE_BREAK).tolist() == breaks


def test_special_characters() -> None:
    assert len(SPECIAL_CHARACTERS) == 1618
    assert all(c in SPECIAL_CHARACTERS for c in "!9 \n😀ッシツン一上士Гø’…\u200b")
    assert not any(c in SPECIAL_CHARACTERS for c in "aZé\u2581\uffe5\u200c\u200d\u2060\u1680二г")
    assert np.flatnonzero(code_point_flags() & SPECIAL).tolist() == sorted(map(ord, SPECIAL_CHARACTERS))


@given(st.lists(TEXT | LINES, max_size=5))
def test_counts_are_those_of_python(texts: list[str]) -> None:
    assert counted(texts) == [naive(text) for text in texts]


def test_counts_by_hand() -> None:
    assert counted(["", "a\r\nbcd\n", "é1\u2028"]) == [[0] * 6, [7, 4, 4, 3, 2, 3], [3, 2, 1, 1, 1, 2]]


def test_a_slice_is_read_at_its_place() -> None:
    texts = pa.array(["long before", "ab1", "", "after"]).slice(1, 2)
    data, offsets = buffers(texts)
    assert count_characters(data, offsets, code_point_flags())[:, 0].tolist() == [3, 0]


@given(TEXT)
def test_decode(text: str) -> None:
    data, offsets = buffers(pa.array([text], pa.string()))
    out = np.empty(len(data), np.int32)
    assert decode(data, offsets[0], offsets[1], out) == len(text)
    assert out[: len(text)].tolist() == list(map(ord, text))


def test_strings_beyond_the_limit_are_refused() -> None:
    with pytest.raises(OverflowError, match="2 GiB"):
        strings(np.empty(0, np.uint8), np.array([0, 2**31]))


def test_strings_are_made_of_bytes_and_offsets() -> None:
    assert strings(np.frombuffer(b"abc", np.uint8), np.array([0, 1, 1, 3])).to_pylist() == ["a", "", "bc"]
    assert strings(np.empty(0, np.uint8), np.array([0])).to_pylist() == []


def test_nothing_behind_the_planes_of_letters_has_a_class() -> None:
    assert not any(chr(point).isalnum() or chr(point).isspace() for point in range(LETTERS_END, CODE_POINTS))
