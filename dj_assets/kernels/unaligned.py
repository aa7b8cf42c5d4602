"""Read several bytes of an array as one number, at any position."""

from __future__ import annotations

from typing import Any

import numpy as np

from dj_assets.couplings import array_structs
from dj_assets.kernels.arrays import Bytes, Int
from dj_assets.kernels.jit import inlined, intrinsic

_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


def _load(_: Any, data: Any, at: Any) -> tuple[Any, Any]:  # noqa: ANN401 - what numba hands over has no types
    """Tell numba how to load eight bytes, the lowest first: an array of numbers cannot start at every byte."""
    from llvmlite import ir
    from numba.core import types

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:  # noqa: ANN401
        array = array_structs()(signature.args[0])(context, builder, values[0])
        pointer = builder.gep(array.data, [values[1]])
        return builder.load(builder.bitcast(pointer, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(data, at), generate


def _plainly(data: Bytes, at: Int) -> np.uint64:
    return np.uint64(int.from_bytes(data[at : at + 8].tobytes(), "little"))


_eight_bytes = intrinsic(_load, _plainly)


@inlined
def first_bytes(data: Bytes, at: Int, size: Int) -> np.uint64:
    """Return up to eight bytes from `at` on as a number, the lowest first; the other bytes are 0.

    The function reads eight bytes, so the array must reach to `at + 8` even if `size` is less; `size` may be 0 or
    negative.
    """
    if size >= 8:
        return _eight_bytes(data, at)
    if size <= 0:
        return np.uint64(0)
    return _eight_bytes(data, at) & (_ALL >> np.uint64(64 - 8 * size))
