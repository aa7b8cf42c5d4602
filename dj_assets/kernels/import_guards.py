"""Keep kernels and Arrow from loading hundreds of unused modules in every process."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec


class _Missing:
    """Import finder that reports a package as not installed, for one thread."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.thread = threading.get_ident()

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        """Raise for the package; leave all other names to the next finders."""
        if name == self.package and threading.get_ident() == self.thread:
            raise ModuleNotFoundError(f"{name} is not looked for here", name=name)
        return None


@contextmanager
def without(package: str) -> Iterator[None]:
    """Report a package as not installed in this thread; a package that is loaded already stays loaded."""
    missing = _Missing(package)
    sys.meta_path.insert(0, missing)
    try:
        yield
    finally:
        sys.meta_path.remove(missing)


def forget_pandas() -> None:
    """Keep Arrow's first conversion of arrays from importing pandas, in a process that runs no code of a user.

    Later conversions to pandas still load it, but Arrow then does not recognize pandas's own missing values.
    """
    import numpy as np
    import pyarrow as pa

    with without("pandas"):
        pa.array(np.empty(0))
        pa.array([True]).to_numpy(zero_copy_only=False)
