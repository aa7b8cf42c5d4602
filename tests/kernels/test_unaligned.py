from __future__ import annotations

import numba
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dj_assets.kernels.arrays import Bytes
from dj_assets.kernels.unaligned import first_bytes


@numba.njit
def called(data: Bytes, at: int, size: int) -> np.uint64:
    return first_bytes(data, at, size)


@given(st.binary(min_size=24, max_size=24), st.integers(0, 16), st.integers(-2, 12))
def test_up_to_eight_bytes_from_anywhere(data: bytes, at: int, size: int) -> None:
    wanted = int.from_bytes(data[at : at + max(0, min(8, size))], "little")
    assert int(called(np.frombuffer(data, np.uint8), at, size)) == wanted
