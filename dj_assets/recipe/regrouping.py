"""Read a grouper that is taken back: the samples after `naive_reverse_grouper` are those before the grouper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dj_assets.errors import RecipeError
from dj_assets.operators import registry
from dj_assets.operators.base import Aggregator, Grouper
from dj_assets.recipe import known_keys

NAME = "naive_reverse_grouper"
PARAMETERS = ("batch_meta_export_path",)

# The index of the entry of an operator, its name, and its parameters.
Step = tuple[int, str, dict[str, Any]]


def without_reversed(steps: Iterable[Step], file: str, notices: list[str]) -> Iterator[Step]:
    """Yield the steps of a recipe without those between a grouper and `naive_reverse_grouper`, these included.

    In Data-Juicer aggregators write a field for each group, and `naive_reverse_grouper` writes these fields to a file
    and gives the members back as they were. A sentence about each is added to `notices`.

    Raises
    ------
    RecipeError
        If there is no grouper before it, or something else than aggregators is between both.
    """
    kept: list[Step] = []
    for index, name, parameters in steps:
        if name != NAME:
            kept.append((index, name, parameters))
            continue
        _require_known(parameters, file, index)
        left_out: list[str] = []
        while kept and _is(kept[-1], Aggregator):
            left_out.append(kept.pop()[1])
        if not kept or not _is(kept[-1], Grouper):
            problem = "takes samples apart whose fields are lists, and has no grouper before it"
            raise RecipeError(file, problem, index, NAME, fix="put a grouper in front of it, or remove it")
        names = ", ".join(reversed([*left_out, kept.pop()[1]]))
        sentence = f"gives the members back as they were, so it and {names} are left out"
        if left_out:
            sentence += "; for the results of aggregators, run the recipe up to these"
        notices.append(str(RecipeError(file, sentence, index, NAME)))
    if not kept:
        raise RecipeError(file, "needs an operator that changes samples", key="process")
    yield from kept


def _is(step: Step, kind: type[Aggregator] | type[Grouper]) -> bool:
    cls = registry.find(known_keys.RENAMED_OPERATORS.get(step[1], step[1]))
    return cls is not None and issubclass(cls, kind)


def _require_known(parameters: Mapping[str, object], file: str, index: int) -> None:
    known = {*PARAMETERS} | known_keys.OPERATOR_IGNORED
    unknown = sorted(set(parameters) - known)
    if unknown:
        raise RecipeError(file, "unknown parameter", index, NAME, unknown[0], fix=f"known is {PARAMETERS[0]}")
