from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dj_assets.kernels.arrays import buffers
from dj_assets.kernels.ngrams import OFTEN, _count_ngrams, _room, character_repetition, word_repetition


def ngrams(sequence: Sequence[object], n: int) -> Counter[tuple[object, ...]]:
    return Counter(tuple(sequence[i : i + n]) for i in range(len(sequence) - n + 1))


def naive_top_share(text: str, n: int) -> float:
    counts = sorted(ngrams(text, n).values(), reverse=True)
    k = min(int(len(counts) ** 0.5), len(counts) - counts.count(1))
    return sum(counts[:k]) / sum(counts) if counts else 0.0


def naive_repeated_share(words: Sequence[int], n: int) -> float:
    counts = ngrams(words, n).values()
    return sum(c for c in counts if c > 1) / sum(counts) if counts else 0.0


@given(
    st.lists(st.text("ab", max_size=60) | st.text("aé一😀 ", max_size=80) | st.text(), max_size=4), st.integers(1, 20)
)
def test_character_repetition(texts: list[str], n: int) -> None:
    got = character_repetition(*buffers(pa.array(texts, pa.string())), n)
    assert got.tolist() == [naive_top_share(text, n) for text in texts]


@given(st.lists(st.lists(st.integers(0, 3), max_size=60), max_size=4), st.integers(1, 6))
def test_word_repetition(rows: list[list[int]], n: int) -> None:
    codes = np.array([code for row in rows for code in row], np.int32)
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    assert word_repetition(codes, offsets, n).tolist() == [naive_repeated_share(row, n) for row in rows]


def test_hashes_that_collide_do_not_count_as_equal() -> None:
    """The Thue-Morse word and its complement collide under every polynomial hash modulo a power of two."""
    word = "a"
    while len(word) < 2048:
        word += word.translate(str.maketrans("ab", "ba"))
    other = word.translate(str.maketrans("ab", "ba"))
    got = character_repetition(*buffers(pa.array([word + other, word + word])), 2048)
    assert got.tolist() == [naive_top_share(word + other, 2048), naive_top_share(word + word, 2048)]
    assert got[0] == 0.0 < got[1]


def test_positions_begin_anew_before_they_get_too_large() -> None:
    text = np.frombuffer(b"abcdefghijabcdefghij" * 3, np.uint8)
    counts = _room(len(text), 10, 4, 23)
    found = []
    for past in (0, 2**32 - 150, 2**32 - 90, 2**32 - 30):
        counts.past[0] = past
        assert _count_ngrams(text, 10, 4, counts) == 51
        found.append((counts.past[0], counts.having[1:8].tolist()))
    counted = [0, 0, 0, 0, 9, 1, 0]
    assert found == [(60, counted), (2**32 - 90, counted), (2**32 - 30, counted), (60, counted)]


def test_scratch_space_of_one_row_does_not_leak_into_the_next() -> None:
    texts = ["abcabcabc" * 50, "xyz", "abcabc", "", "abcabcabc"]
    together = character_repetition(*buffers(pa.array(texts)), 3)
    assert together.tolist() == [naive_top_share(text, 3) for text in texts]
    assert all(a == b for a, b in pairwise(character_repetition(*buffers(pa.array(["aaaa"] * 3)), 2)))


@pytest.mark.parametrize("n", [1, 4, 12])
def test_long_rows_are_counted_part_by_part(n: int) -> None:
    random = Random(n)
    texts = ["".join(random.choices("ab é一😀", k=3000)) for _ in range(2)] + ["x", "ab" * 2000]
    got = character_repetition(*buffers(pa.array(texts)), n, 9)
    assert got.tolist() == [naive_top_share(text, n) for text in texts]


def test_ngrams_that_occur_very_often() -> None:
    texts = ["a" * (OFTEN + 7), "ab" * (OFTEN + 1) + "b" * (2 * OFTEN), "a" * (OFTEN - 1) + "b", "abcab"]
    got = character_repetition(*buffers(pa.array(texts)), 2, 12)
    assert got.tolist() == [naive_top_share(text, 2) for text in texts]


def test_a_part_that_is_too_large_is_counted_with_all_others_at_once() -> None:
    """Four numbers that the hash does not see are added to four words over and over: all in one part, all different."""
    unseen = np.array([23789, -19693, 31644, 23248])
    random = np.random.default_rng(1)
    words = (unseen * np.arange(500)[:, None] + 7).ravel().tolist()
    codes = np.array(words + random.choice(words, 2000).tolist() + words[:40], np.int32)
    offsets = np.array([0, 2000, len(codes), len(codes)], np.int64)
    wanted = [naive_repeated_share(codes[a:b].tolist(), 4) for a, b in pairwise(offsets)]
    assert word_repetition(codes, offsets, 4, 9).tolist() == wanted
