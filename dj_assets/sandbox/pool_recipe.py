"""The recipe of a pool: the cuts of its thirds become the bounds of their filters."""

from __future__ import annotations

import yaml

from dj_assets.errors import UserError
from dj_assets.operators.base import Filter, Mapper
from dj_assets.operators.conditions import Condition, Range
from dj_assets.recipe.gallery import sources_of
from dj_assets.recipe.load import keys_of_media
from dj_assets.recipe.model import Source
from dj_assets.recipe.plan import Step
from dj_assets.sandbox.experiment import TOP, ExperimentEntry, Sandbox
from dj_assets.sandbox.pools import Third


def pool_recipe(sandbox: Sandbox, name: str) -> str:
    """Return the YAML of a recipe that keeps the samples with the values of a pool.

    A pool of all measured samples becomes a recipe of the same mappers and of the filters that cut it: other filters
    and the deduplicators are left out, since the pool was made without them. A pool of kept samples becomes the whole
    recipe with narrower bounds. Where equal values are on both sides of a cut, the recipe keeps more than the pool.

    Raises
    ------
    UserError
        If the pool is no intersection of thirds, or one of its filters has no range.
    """
    entry = sandbox.entry(name)
    if not entry.pool.thirds or entry.pool.at_least is not None:
        raise UserError(f"{sandbox.recipe.name}: {name} is no intersection of thirds, so no thresholds describe it")
    if sandbox.block.of == "measured" and sandbox.plan.corpus_mappers:
        label = sandbox.plan.corpus_mappers[0].label
        raise UserError(f"{sandbox.recipe.name}: {label} counts what filters before it keep; use 'of: kept' instead")
    content = {
        "project_name": f"{sandbox.subset}-{name.removeprefix(TOP)}",
        "text_keys": sandbox.recipe.text_key,
        **keys_of_media(sandbox.recipe.media),
        "asset": _asset(sandbox, entry),
        "process": _process(sandbox, entry),
    }
    return _head(sandbox, entry) + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)


def recipe_subset(sandbox: Sandbox, name: str) -> str:
    """Return the name of the subset that a pool's recipe refines."""
    cleaned = "".join(char if char.isalnum() and char.isascii() else "_" for char in name.removeprefix(TOP).lower())
    return f"{sandbox.subset}_{cleaned}"


def _head(sandbox: Sandbox, entry: ExperimentEntry) -> str:
    cuts = "; ".join(f"{third.statistic} {third.part} third" for third in entry.pool.thirds)
    more = entry.value_count - entry.rank_count
    ties = f", {more:,} more than the pool by rank, which cuts through ties" if more else ""
    lists = [third.statistic for third in entry.pool.thirds if third.is_list]
    means = f"# Lists were ranked by their mean, the filter judges every value: {', '.join(lists)}.\n" if lists else ""
    return f"# {sandbox.recipe.name}: {cuts}.\n# These values have {entry.value_count:,} samples{ties}.\n{means}\n"


def _asset(sandbox: Sandbox, entry: ExperimentEntry) -> dict[str, object]:
    block = sandbox.recipe.asset
    sources = [_source(source) for source in sources_of(sandbox.recipe)]
    described = " and ".join(f"the {third.part} third by {third.statistic}" for third in entry.pool.thirds)
    against = [_source(source) for source in block.against] if sandbox.block.of == "kept" else []
    return {
        "subset": recipe_subset(sandbox, entry.pool.name),
        "group": block.group,
        "description": f"{described[:1].upper()}{described[1:]} of {sandbox.subset}, found in its sandbox.",
        "source": sources,
        **({"against": against} if against else {}),
        **({"word_lists": dict(block.word_lists)} if block.word_lists else {}),
    }


def _source(source: Source) -> dict[str, object]:
    return source.model_dump(mode="json", exclude_defaults=True)


def _process(sandbox: Sandbox, entry: ExperimentEntry) -> list[dict[str, object]]:
    whole = sandbox.block.of == "kept"
    columns = {column: step for step in sandbox.plan.filters for column in step.columns.values()}
    bounds: dict[int, dict[str, object]] = {}
    for third in entry.pool.thirds:
        step = columns[third.statistic]
        bounds.setdefault(step.index, {}).update(_bounds(step, third))
    process: list[dict[str, object]] = []
    for step in sandbox.plan.steps:
        operator = step.operator
        if step.index in bounds:
            kept = {name: value for name, value in operator.parameters().items() if name not in operator.judging}
            process.append({operator.name: (operator.parameters() if whole else kept) | bounds[step.index]})
        elif whole or isinstance(operator, Mapper):
            process.append({operator.name: operator.parameters()})
    return process


def _bounds(step: Step, third: Third) -> dict[str, object]:
    """Return the parameters that keep the values of a third."""
    key = next(key for key, column in step.columns.items() if column == third.statistic)
    bounds = _range(step.operator.condition, key) if isinstance(step.operator, Filter) else None
    fields = type(step.operator).model_fields
    if bounds is None or not {bounds.low_name, bounds.high_name} <= set(fields):
        raise UserError(f"{step.label}: has no range of {third.statistic}, so the pool cannot become a recipe")
    closed = {"min_closed_interval": True, "max_closed_interval": True, "reversed_range": False}
    given = {name: value for name, value in closed.items() if getattr(step.operator, name) != value}
    return {bounds.low_name: _number(third.low), bounds.high_name: _number(third.high), **given}


def _range(condition: Condition, key: str) -> Range | None:
    """Return the range over a statistic in a condition, also where it is one of several or is over a list."""
    if isinstance(condition, Range):
        return condition if condition.key == key else None
    parts = (*getattr(condition, "parts", ()), *(part for part in [getattr(condition, "one", None)] if part))
    return next((bounds for part in parts if (bounds := _range(part, key))), None)


def _number(value: float) -> int | float:
    return int(value) if value.is_integer() and abs(value) < 1 << 53 else value
