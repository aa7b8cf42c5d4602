"""Read and write several bytes of an array at once, at any position, and load them ahead."""

from __future__ import annotations

from typing import Any

import numpy as np

from dj_assets.couplings import array_structs
from dj_assets.kernels.arrays import Bytes, Int, Int32s
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


def _plainly(data: Bytes | Int32s, at: Int | np.uint64) -> np.uint64:
    return np.uint64(int.from_bytes(data[int(at) : int(at) + 8].tobytes()[:8], "little"))


# Return eight bytes from the element `at` on as a number, the lowest first. The array must reach that far: nothing
# checks it.
eight_bytes = intrinsic(_load, _plainly)


@inlined
def first_bytes(data: Bytes, at: Int, size: Int) -> np.uint64:
    """Return up to eight bytes from `at` on as a number, the lowest first; the other bytes are 0.

    The function reads eight bytes, so the array must reach to `at + 8` even if `size` is less; `size` may be 0 or
    negative.
    """
    if size >= 8:
        return eight_bytes(data, at)
    if size <= 0:
        return np.uint64(0)
    return eight_bytes(data, at) & (_ALL >> np.uint64(64 - 8 * size))


def _move(_: Any, source: Any, at: Any, target: Any, to: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Tell numba how to copy four bytes at once."""
    from llvmlite import ir
    from numba.core import types

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:  # noqa: ANN401
        structs, four = array_structs(), ir.IntType(32).as_pointer()
        ends = [
            builder.bitcast(builder.gep(structs(kind)(context, builder, array).data, [index]), four)
            for kind, array, index in (
                (signature.args[0], values[0], values[1]),
                (signature.args[2], values[2], values[3]),
            )
        ]
        builder.store(builder.load(ends[0], align=1), ends[1], align=1)
        return context.get_dummy_value()

    return types.void(source, at, target, to), generate


def _move_plainly(source: Bytes, at: Int | np.uint64, target: Bytes, to: Int | np.uint64) -> None:
    target[int(to) : int(to) + 4] = source[int(at) : int(at) + 4]


# Copy four bytes of `source` from `at` on to `target` from `to` on. Both arrays must reach that far: nothing checks it.
copy_four = intrinsic(_move, _move_plainly)


def _store(_: Any, value: Any, target: Any, to: Any) -> tuple[Any, Any]:  # noqa: ANN401, ARG001
    """Tell numba how to store eight bytes, the lowest first."""
    from llvmlite import ir
    from numba.core import types

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:  # noqa: ANN401
        array = array_structs()(signature.args[1])(context, builder, values[1])
        pointer = builder.gep(array.data, [values[2]])
        builder.store(values[0], builder.bitcast(pointer, ir.IntType(64).as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(types.uint64, target, to), generate


def _store_plainly(value: np.uint64, target: Bytes, to: Int) -> None:
    target[to : to + 8] = np.frombuffer(int(value).to_bytes(8, "little"), np.uint8)


# Write the eight bytes of a number, the lowest first, to `target` from `to` on. Nothing checks that it reaches so far.
put_eight = intrinsic(_store, _store_plainly)


def _count(_: Any, value: Any) -> tuple[Any, Any]:  # noqa: ANN401, ARG001
    """Tell numba how to count the zeros below the lowest bit."""
    from llvmlite import ir
    from numba.core import types

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:  # noqa: ANN401, ARG001
        return builder.cttz(values[0], ir.IntType(1)(0))

    return types.int64(types.uint64), generate


def _count_plainly(value: np.uint64) -> int:
    return (int(value) & -int(value)).bit_length() - 1 if value else 64


# Return the number of zeros below the lowest bit of a number, 64 for 0.
trailing_zeros = intrinsic(_count, _count_plainly)


def _touch(_: Any, array: Any, at: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Tell numba how to load a line of memory into the cache of the processor, without waiting for it."""
    from llvmlite import ir
    from numba.core import types

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:  # noqa: ANN401
        struct, number = array_structs()(signature.args[0])(context, builder, values[0]), ir.IntType(32)
        pointer = builder.bitcast(builder.gep(struct.data, [values[1]]), ir.IntType(8).as_pointer())
        function = builder.module.declare_intrinsic(
            "llvm.prefetch", [pointer.type], ir.FunctionType(ir.VoidType(), [pointer.type, number, number, number])
        )
        builder.call(function, [pointer, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, at), generate


def _touch_plainly(array: Any, at: Int | np.uint64) -> None:  # noqa: ANN401
    """Do nothing: only the time differs."""


# Load the element `at` of an array into the cache of the processor, without waiting; it need not be in the array.
prefetch = intrinsic(_touch, _touch_plainly)
