"""Compile kernels: without the GIL, cached on disk, and typed like the functions that they compile."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from dj_assets.couplings import (
    WITHOUT_REFERENCE_COUNTS,
    load_array_functions,
    read_only_cache,
    set_cache_stamp,
    tolerate_unwritable_cache,
)
from dj_assets.kernels.import_guards import without

# numba imports SciPy to find BLAS, which no kernel calls
with without("scipy"):
    import numba
    import numba.extending

    load_array_functions()


Function = TypeVar("Function", bound=Callable[..., object])


@cache
def _stamp(folder: Path) -> int:
    """Return a checksum of all modules in a folder."""
    stamp = 0
    for path in sorted(folder.glob("*.py")):
        stamp = zlib.crc32(path.read_bytes(), stamp)
    return stamp


def _cached(function: Function, **options: object) -> Function:
    """Compile a function at its first call; cache the result next to its module until a module of the folder changes.

    numba checks the module of the function alone, but the compiled code includes kernels of other modules. A stale
    cache would run an old version of those, or crash.
    """
    compile_ = cast("Any", numba.njit)
    try:
        compiled = compile_(nogil=True, cache=True, **options)(function)
    except RuntimeError:
        # the cache folder cannot be written
        compiled = compile_(nogil=True, **options)(function)
        if not read_only_cache(compiled, function):
            # nor read: the function is compiled in every process
            return cast("Function", compiled)
    # with NUMBA_DISABLE_JIT, numba returns the function itself
    if compiled is not function:
        tolerate_unwritable_cache(compiled)
        set_cache_stamp(compiled, _stamp(Path(function.__code__.co_filename).parent))
    return cast("Function", compiled)


def kernel(function: Function) -> Function:
    """Compile a function at its first call; it then runs without the GIL and is cached next to its module."""
    return _cached(function)


def approximate(function: Function) -> Function:
    """Compile a kernel over floats that may add and multiply in any order, so that it computes several at a time.

    A division by zero gives an infinity or NaN.
    """
    order = {"contract", "reassoc", "nsz"}
    return _cached(function, fastmath=order, error_model="numpy")


def uncounted(function: Function) -> Function:
    """Compile a kernel that creates no arrays and keeps none after its call, so that references need no counting.

    Counting is atomic, and happens at each access to an array in a tuple: in a small function it takes longer than the
    work.
    """
    return _cached(function, **WITHOUT_REFERENCE_COUNTS)


def inlined(function: Function) -> Function:
    """Make a function part of the kernels that call it: passing arrays can cost more than the work on them."""
    return cast("Function", numba.njit(nogil=True, inline="always")(function))


def intrinsic(function: Function) -> Function:
    """Make a function that generates machine code callable in kernels; numba documents its arguments and result."""
    return cast("Function", numba.extending.intrinsic(function))


def unfolded(function: Function) -> Function:
    """Let the compiler inline a function into all kernels that call it, so that loops over calls become vector code."""
    return cast("Function", numba.njit(nogil=True, forceinline=True)(function))
