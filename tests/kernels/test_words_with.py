from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from dj_assets.kernels.arrays import buffers
from dj_assets.kernels.words import words_with


@given(
    st.lists(st.text("ab:@ \n\x0bé", max_size=20), max_size=4),
    st.sets(st.tuples(st.sampled_from(b"ab:@"), st.sampled_from(b"ab:@"))),
)
def test_words_with_a_pair(texts: list[str], wanted: set[tuple[int, int]]) -> None:
    pairs = np.zeros((256, 256), np.uint8)
    for a, b in wanted:
        pairs[a, b] = 1
    data, offsets = buffers(pa.array(["@@:aa", *texts], pa.string()).slice(1))
    starts, ends = words_with(data, offsets, pairs.ravel())
    words = [word for text in texts for word in re.findall(rb"[^ \n\x0b]+", text.encode())]
    expected = [word for word in words if any(pair in wanted for pair in pairwise(word))]
    assert [data[a:b].tobytes() for a, b in zip(starts, ends, strict=True)] == expected
