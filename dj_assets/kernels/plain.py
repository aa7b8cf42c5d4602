"""Run kernels as Python functions, with the numbers that compiled code computes with."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np

Function = TypeVar("Function", bound=Callable[..., object])


class _Numbers(np.ndarray):
    """An array whose single elements are Python integers, unless they are floats or 64 bits without a sign.

    NumPy adds small integers to Python integers in the small type, where they overflow. Compiled code widens them.
    """

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - all that NumPy takes
        """Return an element, or a part of the array."""
        found = super().__getitem__(key)
        return int(found) if isinstance(found, np.integer) and not isinstance(found, np.uint64) else found


def plainly(function: Function) -> Function:
    """Return a function that gets arrays with such elements; its numbers overflow and divide by zero silently."""

    @wraps(function)
    def call(*arguments: object) -> object:
        with np.errstate(all="ignore"):
            return _as_arrays(function(*map(_as_numbers, arguments)))

    return cast("Function", call)


def _as_numbers(value: object) -> object:
    return _each(value, lambda array: array.view(_Numbers))


def _as_arrays(value: object) -> object:
    return _each(value, lambda array: array.view(np.ndarray))


def _each(value: object, view: Callable[[np.ndarray], np.ndarray]) -> object:
    """Return a value with other views of its arrays, also of those in tuples."""
    if isinstance(value, np.ndarray):
        return view(value)
    if isinstance(value, tuple):
        parts = [_each(part, view) for part in value]
        make = getattr(value, "_make", tuple)
        return cast("object", make(parts))
    return value
