"""Kernels and Arrow without the hundreds of modules that they would load for nothing, in every process."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec


class _Missing:
    """Finds that a package is not installed, for one thread."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.thread = threading.get_ident()

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        """Raise for the package, leave all others to those behind."""
        if name == self.package and threading.get_ident() == self.thread:
            raise ModuleNotFoundError(f"{name} is not looked for here", name=name)
        return None


@contextmanager
def without(package: str) -> Iterator[None]:
    """Let this thread find a package not installed; one that is loaded already stays."""
    missing = _Missing(package)
    sys.meta_path.insert(0, missing)
    try:
        yield
    finally:
        sys.meta_path.remove(missing)


def forget_pandas() -> None:
    """Let Arrow's first arrays look for pandas in vain, where no code of a user runs in this process.

    Whoever converts to pandas loads it all the same, but missing values of pandas's own are not known as such.
    """
    import numpy as np
    import pyarrow as pa

    with without("pandas"):
        pa.array(np.empty(0))
        pa.array([True]).to_numpy(zero_copy_only=False)
