"""Unpickle what a process that decodes has sent: only data, because a file may have taken the process over."""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Iterable
from dataclasses import is_dataclass
from enum import Enum
from typing import Any

# Functions and types by which NumPy pickles arrays and numbers, and those of Python that hold nothing but values.
_KNOWN = {
    "builtins": {"bytearray", "complex", "frozenset", "range", "set", "slice"},
    "collections": {"OrderedDict", "deque"},
    "datetime": {"date", "datetime", "time", "timedelta", "timezone"},
    "decimal": {"Decimal"},
    "fractions": {"Fraction"},
    "numpy": {"dtype", "ndarray"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.numeric": {"_frombuffer"},
}


# Where the classes of messages, and of the results of features, are defined.
_OWN = "dj_assets.media."


class UnknownClassError(pickle.UnpicklingError):
    """Raised for an object of a class that is not known as data; the message names it."""


def loaded(pickled: bytes | bytearray, modules: Iterable[str] = ()) -> Any:  # noqa: ANN401 - what the process computed
    """Return a pickled object: of values, arrays, and records and enumerations of this package or of `modules`.

    Records are dataclasses and named tuples. The modules are imported already.

    Raises
    ------
    pickle.UnpicklingError
        If it is damaged; `UnknownClassError` if it names anything else. Unpickling calls what the pickle names: it may
        be any function.
    """
    try:
        return _Unpickler(pickled, frozenset(modules)).load()
    except pickle.UnpicklingError:
        raise
    except Exception as error:
        raise pickle.UnpicklingError(f"no pickle: {type(error).__name__}: {error}") from error


def outcome_in(pickled: bytes, modules: Iterable[str]) -> tuple[object, Any]:
    """Return an outcome and the CPU seconds that it took; raise like `loaded`."""
    answer = loaded(pickled, modules)
    if not (isinstance(answer, tuple) and len(answer) == len(("outcome", "seconds")) and isinstance(answer[1], float)):
        raise pickle.UnpicklingError("no outcome")
    return answer[0], answer[1]


class _Unpickler(pickle.Unpickler):
    def __init__(self, pickled: bytes | bytearray, modules: frozenset[str]) -> None:
        super().__init__(io.BytesIO(pickled))
        self._modules = modules

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - a class or a function of NumPy
        """Return a class by the name of its module and its own."""
        if name in _KNOWN.get(module, ()):
            return super().find_class(module, name)
        if (module in self._modules or module.startswith(_OWN)) and "." not in name:
            found = getattr(sys.modules.get(module), name, None)
            if isinstance(found, type) and _is_data(found):
                return found
        raise UnknownClassError(f"{module}.{name}")


def _is_data(found: type) -> bool:
    return is_dataclass(found) or issubclass(found, Enum) or (issubclass(found, tuple) and hasattr(found, "_fields"))
