from __future__ import annotations

import numba
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dj_assets.kernels.arrays import Bytes
from dj_assets.kernels.unaligned import first_bytes, prefetch, put_eight, trailing_zeros


@numba.njit
def called(data: Bytes, at: int, size: int) -> np.uint64:
    return first_bytes(data, at, size)


@given(st.binary(min_size=24, max_size=24), st.integers(0, 16), st.integers(-2, 12))
def test_up_to_eight_bytes_from_anywhere(data: bytes, at: int, size: int) -> None:
    wanted = int.from_bytes(data[at : at + max(0, min(8, size))], "little")
    assert int(called(np.frombuffer(data, np.uint8), at, size)) == wanted


@numba.njit
def with_number(data: Bytes, value: np.uint64, at: int) -> int:
    # the place that is loaded ahead need not exist
    prefetch(data, 10 * at)
    put_eight(value, data, at)
    return trailing_zeros(value)


@given(st.binary(min_size=24, max_size=24), st.integers(0, 16), st.integers(0, 2**64 - 1) | st.just(0))
def test_a_number_is_written_anywhere_and_its_zeros_are_counted(data: bytes, at: int, value: int) -> None:
    array = np.frombuffer(data, np.uint8).copy()
    zeros = with_number(array, np.uint64(value), at)
    assert array.tobytes() == data[:at] + value.to_bytes(8, "little") + data[at + 8 :]
    assert zeros == next((bit for bit in range(64) if value >> bit & 1), 64)
