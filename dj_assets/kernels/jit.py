"""Compile kernels: without the GIL, loaded from the shipped set or a cache, and typed like what they compile.

With `DJ_KERNELS=python`, kernels are the plain Python functions, and numba is not imported.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from dj_assets import settings
from dj_assets.couplings import WITHOUT_REFERENCE_COUNTS, KernelCache, cache_kernel, load_array_functions
from dj_assets.kernels import shipped
from dj_assets.kernels.import_guards import without
from dj_assets.kernels.plain import plainly

_PLAIN = settings.plain_kernels()

if not _PLAIN:
    shipped.compile_for_baseline()

    # numba imports SciPy to find BLAS, which no kernel calls
    with without("scipy"):
        import numba
        import numba.extending

        load_array_functions()

    # numba may be imported already
    cast("Any", numba.config).reload_config()

Function = TypeVar("Function", bound=Callable[..., object])


@cache
def stamp(folder: Path) -> int:
    """Return a checksum of all modules in a folder: the compiled code of a kernel includes those that it calls."""
    checksum = 0
    for path in sorted(folder.glob("*.py")):
        checksum = zlib.crc32(path.read_bytes(), checksum)
    return checksum


@cache
def _misfit(folder: Path) -> str | None:
    return shipped.misfit(shipped.folder(folder), stamp(folder))


@cache
def _say(folder: Path, cached: Path | None) -> None:
    """Write one line for each user, not for each process, where a whole set of kernels has to be compiled."""
    if folder != Path(__file__).parent or (reason := _misfit(folder)) is None:
        return
    try:
        if cached:
            (cached / f"kernels-{stamp(folder)}.said").open("x").close()
    except FileExistsError:
        return
    except OSError:
        pass
    sys.stderr.write(f"note: kernels are compiled once, which takes about a minute: {reason}\n")


def _cached(function: Function, **options: object) -> Function:
    """Compile a function at its first call, unless the result is cached for the present state of all its modules."""
    if _PLAIN:
        return plainly(function)
    compiled = cast("Any", numba.njit)(nogil=True, **options)(function)
    # with NUMBA_DISABLE_JIT, numba returns the function itself
    if compiled is not function:
        folder = Path(function.__code__.co_filename).parent
        set_ = None if _misfit(folder) else shipped.folder(folder)
        cache_kernel(compiled, KernelCache(function, set_, stamp(folder), lambda cached: _say(folder, cached)))
    return cast("Function", compiled)


def kernel(function: Function) -> Function:
    """Compile a function at its first call; it then runs without the GIL and is cached.

    A variable that begins as a literal and is handed to another kernel begins as `np.int64(0)`: numba would compile the
    other one for the literal, too.
    """
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
    return function if _PLAIN else cast("Function", numba.njit(nogil=True, inline="always")(function))


def intrinsic(function: Callable[..., object], plain: Function) -> Function:
    """Make a function that generates machine code callable in kernels; numba documents its arguments and result.

    `plain` is what the machine code does, in Python.
    """
    return plain if _PLAIN else cast("Function", numba.extending.intrinsic(function))


def unfolded(function: Function) -> Function:
    """Let the compiler inline a function into all kernels that call it, so that loops over calls become vector code."""
    return function if _PLAIN else cast("Function", numba.njit(nogil=True, forceinline=True)(function))
