"""How kernels compile: without the GIL, remembered on disk, and typed as the functions they were written as."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile a function at its first call; it then runs without the GIL and is cached beside its module."""
    return cast("Function", numba.njit(nogil=True, cache=True)(function))


def inlined(function: Function) -> Function:
    """Make a function part of the kernels that call it: handing arrays over can cost more than the work on them."""
    return cast("Function", numba.njit(nogil=True, inline="always")(function))
