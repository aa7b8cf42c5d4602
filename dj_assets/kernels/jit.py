"""How kernels compile: without the GIL, remembered on disk, and typed as the functions they were written as."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from dj_assets.kernels.import_guards import without

# numba looks for BLAS in SciPy, which no kernel calls
with without("scipy"):
    import numba
    import numba.extending
    from numba.np import arraymath as _  # noqa: F401 - loaded at the first kernel otherwise

    from dj_assets.kernels.read_only_cache import ReadOnlyCache

Function = TypeVar("Function", bound=Callable[..., Any])


@cache
def _stamp(folder: Path) -> int:
    """Return a checksum of all modules in a folder."""
    stamp = 0
    for path in sorted(folder.glob("*.py")):
        stamp = zlib.crc32(path.read_bytes(), stamp)
    return stamp


def _cached(function: Function, **options: object) -> Function:
    """Compile a function at its first call; what comes of it is kept beside its module, for as long as none changes.

    numba looks at the module of the function alone, but what it compiles holds the kernels of others that it calls: it
    would run an old one of those, or crash.
    """
    compile_ = cast("Any", numba.njit)
    try:
        compiled = compile_(nogil=True, cache=True, **options)(function)
    except RuntimeError:
        # no folder that can be written
        compiled = compile_(nogil=True, **options)(function)
        try:
            compiled._cache = cast("Any", ReadOnlyCache)(function)
        except RuntimeError:
            # nor one that can be read: it compiles in every process
            return cast("Function", compiled)
    # under NUMBA_DISABLE_JIT it is the function itself
    if hasattr(compiled, "_cache"):
        index, stamp = compiled._cache._cache_file, _stamp(Path(function.__code__.co_filename).parent)
        index._source_stamp = stamp
        # numba reads the version before the rest, whose types may have been renamed or removed since
        index._version = f"{numba.__version__} {stamp:08x}"
    return cast("Function", compiled)


def kernel(function: Function) -> Function:
    """Compile a function at its first call; it then runs without the GIL and is cached beside its module."""
    return _cached(function)


def approximate(function: Function) -> Function:
    """Compile a kernel over floats that may add and multiply in another order than written, so several at a time.

    A division by zero gives an infinity or NaN.
    """
    order = {"contract", "reassoc", "nsz"}
    return _cached(function, fastmath=order, error_model="numpy")


def uncounted(function: Function) -> Function:
    """Compile a kernel that makes no arrays and hands none on beyond its call, so that references need no counting.

    Counting is atomic, and happens at each look at an array in a tuple: in a small function it takes longer than the
    work.
    """
    return _cached(function, _nrt=False)


def inlined(function: Function) -> Function:
    """Make a function part of the kernels that call it: handing arrays over can cost more than the work on them."""
    return cast("Function", numba.njit(nogil=True, inline="always")(function))


def intrinsic(function: Function) -> Function:
    """Make a function that writes machine code callable in kernels; numba documents what it takes and returns."""
    return cast("Function", numba.extending.intrinsic(function))


def unfolded(function: Function) -> Function:
    """Let the compiler put a function into every kernel that calls it, so that loops over calls become vector code."""
    return cast("Function", numba.njit(nogil=True, forceinline=True)(function))
