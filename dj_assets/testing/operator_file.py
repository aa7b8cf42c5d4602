"""Check every operator of a Python file, as `custom_operator_paths` would load it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from dj_assets.errors import DjError, UserError
from dj_assets.operators import registry
from dj_assets.operators.base import Operator
from dj_assets.recipe import unregistered
from dj_assets.recipe.custom_operators import import_operators, module_name
from dj_assets.testing.check import check_operator


@dataclass(frozen=True)
class Checked:
    """Hold the result for one operator: its name in recipes, and the breach of its contract, "" if there is none."""

    name: str
    problem: str


def check_file(path: Path) -> list[Checked]:
    """Check the operators of a file with their default parameters, in the order of their names.

    Raises
    ------
    UserError
        If there is no such file, it cannot be imported, or it has no operator.
    ContractError
        If a class is not complete.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such Python file")
    file = path.resolve()
    import_operators([file])
    name = module_name(file)
    forgotten = unregistered.unregistered([sys.modules[name]])
    classes = {known: registry.find(known) for known in registry.registered_names()}
    of_file = {known: cls for known, cls in classes.items() if cls is not None and cls.__module__ == name}
    if not of_file and not forgotten:
        raise UserError(f"{path}: has no operator; 'dj-assets operators new NAME' writes one")
    checked = [Checked(known, _problem(cls)) for known, cls in of_file.items()]
    missing = [
        Checked(registry.snake_case(cls.__name__), f"{unregistered.missing(cls)}; {unregistered.fix(cls)}")
        for cls in forgotten
    ]
    return checked + missing


def _problem(cls: type[Operator]) -> str:
    try:
        check_operator(cls)
    except DjError as error:
        return str(error)
    return ""
