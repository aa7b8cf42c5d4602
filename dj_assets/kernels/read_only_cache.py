"""Compiled kernels read from a cache that this process cannot write: an installed tree, a process that is confined.

numba itself caches in folders that it can write, or refuses to compile.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numba.core import caching


def _read_only(locator: type[Any]) -> type[Any]:
    """Return a locator of numba that wants compiled kernels in its folder, rather than to write there."""

    class ReadOnly(locator):  # type: ignore[misc]
        def ensure_cache_path(self) -> None:
            if next(Path(self.get_cache_path()).glob("*.nbi"), None) is None:
                raise OSError("no kernels are cached there")

    return ReadOnly


class _Kernels(caching.CompileResultCacheImpl):
    _locator_classes = [  # noqa: RUF012 - numba's type
        _read_only(caching.UserProvidedCacheLocator),
        _read_only(caching.InTreeCacheLocator),
        _read_only(caching.UserWideCacheLocator),
    ]


class ReadOnlyCache(caching.FunctionCache):
    """What numba compiled for a function, as it was left by a process that could write."""

    _impl_class = _Kernels

    def save_overload(self, sig: object, data: object) -> None:
        """Keep what was compiled in memory only."""
