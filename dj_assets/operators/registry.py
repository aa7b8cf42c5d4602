"""Map names to operator classes. Registering a name twice is an error; similar names can be looked up."""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import importlib.util
import os
import pkgutil
import re
import sys
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from dj_assets.errors import ContractError, UserError
from dj_assets.operators.base import Operator
from dj_assets.operators.contract import check_class, location

OperatorType = TypeVar("OperatorType", bound=type[Operator])
_OPERATORS: dict[str, type[Operator]] = {}
ENTRY_POINT = "dj_assets.operators"
_KINDS = ("text", "image", "video", "audio", "dedup", "selectors", "groups")
PACKAGES = tuple(f"dj_assets.operators.{kind}" for kind in _KINDS)


def register(name: str) -> Callable[[OperatorType], OperatorType]:
    """Register an operator class under its name in recipes.

    Raises
    ------
    UserError
        If another class already has that name.
    ContractError
        If the class is not complete, see `contract.check_class`.

    Examples
    --------
    >>> from dj_assets.operators.base import Mapper
    >>> from dj_assets.operators.registry import find, register
    >>> @register("strip_example_mapper")
    ... class StripExampleMapper(Mapper):
    ...     def apply(self, batch):
    ...         return batch
    >>> find("strip_example_mapper") is StripExampleMapper
    True
    """
    given: object = name
    if not isinstance(given, str) or not given:
        where = location(given) if isinstance(given, type) else "register"
        raise ContractError(f'{where}: @register needs a name; write @register("my_filter")')

    def add(cls: OperatorType) -> OperatorType:
        known = _OPERATORS.get(name)
        if known is not None and _origin(known) != _origin(cls):
            raise UserError(f"operator {name!r} is defined twice: {known.__module__} and {cls.__module__}; rename one")
        check_class(cls)
        cls.name = name
        _OPERATORS[name] = cls
        return cls

    return add


def _origin(cls: type[Operator]) -> tuple[str, str]:
    """Return the file and the name of a class: a file may be imported under two names, by a test and by a recipe."""
    module = sys.modules.get(cls.__module__)
    file = getattr(module, "__file__", None)
    return (os.path.realpath(file) if file else cls.__module__), cls.__qualname__


def operator_names() -> list[str]:
    """Return the names of all operators, sorted."""
    _load()
    return sorted(_OPERATORS)


def registered_names() -> list[str]:
    """Return the names of the operators that are loaded so far, without loading others."""
    return sorted(_OPERATORS)


def snake_case(name: str) -> str:
    """Return the usual operator name of a class: `MyFilter` is `my_filter`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def find(name: str) -> type[Operator] | None:
    """Return the class of an operator, or None if there is no operator of that name."""
    _load_plugins()
    if name not in _OPERATORS and not _load_own(name):
        _load()
    return _OPERATORS.get(name)


def nearest(name: str, among: list[str] | None = None) -> str | None:
    """Return the known name that is closest to a misspelt one, or None if none is close."""
    matches = difflib.get_close_matches(name, among if among is not None else operator_names(), n=1, cutoff=0.6)
    return matches[0] if matches else None


def _load_own(name: str) -> bool:
    """Load one shipped operator from the module of its name; loading all would dominate the start of a short run."""
    for package in PACKAGES:
        if name.isidentifier() and importlib.util.find_spec(f"{package}.{name}") is not None:
            importlib.import_module(f"{package}.{name}")
            return True
    return False


@cache
def _load() -> None:
    for name in PACKAGES:
        package = importlib.import_module(name)
        for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            importlib.import_module(module.name)
    _load_plugins()


@cache
def _load_plugins() -> None:
    for entry_point in importlib.metadata.entry_points(group=ENTRY_POINT):
        entry_point.load()
