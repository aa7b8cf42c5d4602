"""Time stamps of functions in a command and in the Python processes that it starts, without a change of their code.

Python imports the module `sitecustomize` as it starts. A folder on `PYTHONPATH` has one: this module, with a call of
`trace`.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

_LOG, _FUNCTIONS = "BENCHMARK_TIMELINE", "BENCHMARK_FUNCTIONS"
Stamp = tuple[str, float]


def traced(folder: Path, functions: Sequence[str]) -> Mapping[str, str]:
    """Return the variables for a command whose calls of `functions` ("module:name") are stamped; write the hook."""
    # a copy: another checkout has a package of the same name as this one
    (folder / "sitecustomize.py").write_text(Path(__file__).read_text("utf-8") + "\n\ntrace()\n", "utf-8")
    (folder / "log").write_text("")
    return {_LOG: str(folder / "log"), _FUNCTIONS: " ".join(functions)}


def stamps(folder: Path) -> list[Stamp]:
    """Return the stamps of a finished command in their order: "> name" and "< name", and the time of the clock."""
    lines = (line.split(" ", 1) for line in (folder / "log").read_text("utf-8").splitlines())
    return [(name, float(seconds)) for seconds, name in lines]


def trace() -> None:
    """Stamp the functions that the environment names, each from the import of its module on."""
    if log := os.environ.get(_LOG):
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
        wanted: dict[str, list[str]] = {}
        for function in os.environ[_FUNCTIONS].split():
            module, name = function.split(":")
            wanted.setdefault(module, []).append(name)

        def stamp(name: str) -> None:
            """Write one line at once, since several processes write."""
            os.write(descriptor, f"{time.monotonic():.6f} {name}\n".encode())

        sys.meta_path.insert(0, _Finder(wanted, stamp))


class _Finder(MetaPathFinder):
    """Import finder that has the functions of certain modules stamped."""

    def __init__(self, wanted: Mapping[str, Sequence[str]], stamp: Callable[[str], None]) -> None:
        self.wanted, self.stamp = wanted, stamp
        self.asking: set[str] = set()

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        """Return the specification of a wanted module, found by the other finders; None for all others."""
        if name not in self.wanted or name in self.asking:
            return None
        self.asking.add(name)
        spec = importlib.util.find_spec(name)
        self.asking.discard(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Stamping(spec.loader, self.wanted[name], self.stamp)
        return spec


class _Stamping(Loader):
    def __init__(self, loader: Loader, functions: Sequence[str], stamp: Callable[[str], None]) -> None:
        self.loader, self.functions, self.stamp = loader, functions, stamp

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Create the module as its own loader does."""
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, then replace its functions; one that this version lacks has no stamps."""
        self.loader.exec_module(module)
        for name in self.functions:
            *classes, last = name.split(".")
            owner = functools.reduce(lambda of, part: getattr(of, part, None), classes, module)
            if function := getattr(owner, last, None):
                setattr(owner, last, self._stamped(f"{module.__name__}:{name}", function))

    def _stamped(self, name: str, function: Callable[..., object]) -> Callable[..., object]:
        @functools.wraps(function)
        def stamped(*arguments: object, **options: object) -> object:
            self.stamp(f"> {name}")
            try:
                return function(*arguments, **options)
            finally:
                self.stamp(f"< {name}")

        return stamped
