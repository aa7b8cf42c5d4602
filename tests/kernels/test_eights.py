from __future__ import annotations

import numba
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dj_assets.kernels.eights import before_first, eight_of, same, unprintable

SPACES = eight_of(" ")


@numba.njit
def found(eight: np.uint64) -> tuple[int, int, int]:
    spaces, others = same(eight, SPACES), unprintable(eight)
    return before_first(spaces), before_first(others), before_first(spaces | others)


@given(st.binary(min_size=8, max_size=8) | st.text(" !~a\x1f\x7f", min_size=8, max_size=8).map(str.encode))
def test_the_first_byte_of_a_kind(data: bytes) -> None:
    spaces = [byte == 32 for byte in data]
    others = [not 32 <= byte < 127 for byte in data]
    both = [a or b for a, b in zip(spaces, others, strict=True)]
    wanted = tuple([*marks, True].index(True) for marks in (spaces, others, both))
    assert found(np.uint64(int.from_bytes(data, "little"))) == wanted
