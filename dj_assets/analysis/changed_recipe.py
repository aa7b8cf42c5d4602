"""A recipe with some parameters changed: in memory, and in its file, where every other character stays."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from dj_assets.errors import UserError
from dj_assets.home.writing import replace_atomically
from dj_assets.recipe.edit import Changes, Value, set_parameters
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.model import Recipe


def with_parameters(recipe: Recipe, changes: Mapping[int, Mapping[str, Value]]) -> Recipe:
    """Return a recipe with parameters of some operators, given by index, set to other values."""
    process = list(recipe.process)
    for index, values in changes.items():
        before = process[index]
        given = before.model_dump(exclude_unset=True)
        process[index] = (
            type(before).model_validate(given | dict(values)).in_recipe(before.text_of_recipe, before.media_of_recipe)
        )
    return replace(recipe, process=tuple(process))


def write_changed(recipe: Recipe, changes: Changes, changed: Recipe, target: Path) -> None:
    """Write the recipe's file with changed parameters; every other character stays, comments included.

    Raises
    ------
    UserError
        If the file cannot be edited so that it reads back as `changed`. Nothing is written then.
    """
    source = Path(recipe.file)
    text = _text_of(source)
    try:
        text = set_parameters(text, _in_file(recipe, changes))
        with replace_atomically(target) as temporary:
            temporary.write_text(text, "utf-8", newline="")
            _require_same(load_recipe(temporary), changed)
    except (ValueError, UserError) as error:
        raise UserError(f"{source}: cannot be edited in place ({error}); set the values manually") from error


def changed_lines(recipe: Recipe, changes: Changes) -> str:
    """Return a unified diff of the lines in the recipe's file that the changed parameters would replace."""
    source = Path(recipe.file)
    before = _text_of(source)
    try:
        after = set_parameters(before, _in_file(recipe, changes))
    except ValueError as error:
        raise UserError(f"{source}: cannot be edited in place ({error}); set the values manually") from error
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), source.name, source.name, n=1, lineterm="")
    return "\n".join(lines)


def _in_file(recipe: Recipe, changes: Changes) -> Changes:
    """Return the changes by the indices of the operators in the list of the file."""
    if any(index < recipe.prepended for index in changes):
        raise ValueError("the operator is not in the list of the file")
    indices = {index: recipe.index_in_file(index) for index in changes}
    if any(recipe.entries.count(place) > 1 for place in indices.values()):
        raise ValueError("the operator is a part of another one in the file")
    return {indices[index]: values for index, values in changes.items()}


def _text_of(source: Path) -> str:
    if not source.is_file():
        raise UserError(f"{source}: is no file, so there is nothing to write the thresholds into")
    with source.open(encoding="utf-8", newline="") as file:
        return file.read()


def _require_same(written: Recipe, wanted: Recipe) -> None:
    if written.process != wanted.process:
        raise ValueError("it would not read back as proposed")
