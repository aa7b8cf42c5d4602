"""Find operator classes in a user's files whose author forgot `@register`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import ModuleType

from dj_assets.operators import contract, registry
from dj_assets.operators.base import Operator


def unregistered(modules: Iterable[ModuleType]) -> tuple[type[Operator], ...]:
    """Return the operator classes of modules have no `@register` and no subclass, in the order of their lines."""
    registered = {registry.find(name) for name in registry.registered_names()}
    classes = dict.fromkeys(cls for module in modules for cls in _operators(module))
    bases = {base for cls in classes for base in cls.__mro__[1:]}
    return tuple(cls for cls in classes if cls not in registered | bases)


def _operators(module: ModuleType) -> list[type[Operator]]:
    """Return the operator classes that a module defines."""
    classes = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Operator)]
    return [cls for cls in classes if cls.__module__ == module.__name__]


def notices(classes: Iterable[type[Operator]]) -> list[str]:
    """Return a sentence for each class that could be registered as it is."""
    complete = (cls for cls in classes if not getattr(cls, "__abstractmethods__", ()))
    return [f"{missing(cls)}; {fix(cls)}" for cls in complete]


def meant(name: str, classes: Sequence[type[Operator]]) -> type[Operator] | None:
    """Return the class that a recipe probably means by an unknown name, None if that is open.

    It has that name in its own form, or one close to it; or it is the only class, and no known operator is close.
    """
    by_name = {registry.snake_case(cls.__name__): cls for cls in classes}
    near = registry.nearest(name, sorted(by_name))
    if near is not None:
        return by_name[near]
    return classes[0] if len(classes) == 1 and registry.nearest(name) is None else None


def missing(cls: type[Operator]) -> str:
    """Return file, line and name of a class, and that it is not registered."""
    return f"{contract.location(cls)} has no @register, so no recipe can name it"


def fix(cls: type[Operator], name: str = "") -> str:
    """Return the line that registers a class, under `name` or the usual one."""
    return f'write @register("{name or registry.snake_case(cls.__name__)}") above the class'
