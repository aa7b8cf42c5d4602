from __future__ import annotations

import numba
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dj_assets.kernels.arrays import UInt64s
from dj_assets.kernels.ngram_trie import Entries, _find

WIDTH, STEP, START, WORDS = 17, 40, 3, 100_000
# words spread evenly, and words next to each other, which are not where they are guessed to be
SPREAD = st.integers(0, WORDS - 1) | st.integers(500, 900) | st.integers(WORDS - 90, WORDS - 1)


@numba.njit
def found(file: UInt64s, first: np.uint64, end: np.uint64, word: np.uint64) -> np.uint64:
    entries = Entries(np.uint64(START), np.uint64(STEP), np.uint64(WIDTH))
    return _find(file, entries, first, end, word, 1.0 / WORDS)


@given(st.sets(SPREAD, min_size=1, max_size=300), st.integers(0, WORDS - 1), st.data())
def test_an_entry_is_found_wherever_it_is(words: set[int], other: int, data: st.DataObject) -> None:
    entries = sorted(words)
    bits = sum(word << (START + STEP * index) for index, word in enumerate(entries))
    file = np.frombuffer(bits.to_bytes(8 * (len(entries) * STEP // 64 + 3), "little"), np.uint64)
    first = data.draw(st.integers(0, len(entries) - 1))
    end = data.draw(st.integers(first + 1, len(entries)))
    for word in {*entries[:3], *entries[-3:], *entries[first : first + 40], *entries[max(end - 40, 0) : end], other}:
        wanted = entries.index(word, first, end) if word in entries[first:end] else end
        assert int(found(file, np.uint64(first), np.uint64(end), np.uint64(word))) == wanted
