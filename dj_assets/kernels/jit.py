"""How kernels compile: without the GIL, remembered on disk, and typed as the functions they were written as."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from dj_assets.kernels.lean import without

# numba looks for BLAS in SciPy, which no kernel calls
with without("scipy"):
    import numba
    from numba.np import arraymath as _  # noqa: F401 - loaded at the first kernel otherwise

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile a function at its first call; it then runs without the GIL and is cached beside its module."""
    return cast("Function", numba.njit(nogil=True, cache=True)(function))


def approximate(function: Function) -> Function:
    """Compile a kernel over floats that may add and multiply in another order than written, so several at a time.

    A division by zero gives an infinity or NaN.
    """
    order = {"contract", "reassoc", "nsz"}
    return cast("Function", numba.njit(nogil=True, cache=True, fastmath=order, error_model="numpy")(function))


def inlined(function: Function) -> Function:
    """Make a function part of the kernels that call it: handing arrays over can cost more than the work on them."""
    return cast("Function", numba.njit(nogil=True, inline="always")(function))


def unfolded(function: Function) -> Function:
    """Let the compiler put a function into every kernel that calls it, so that loops over calls become vector code."""
    return cast("Function", numba.njit(nogil=True, forceinline=True)(function))
