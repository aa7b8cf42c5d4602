"""Collect the facts about an operator class: purpose, parameters, statistics and models."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pydantic import ValidationError
from pydantic_core import PydanticUndefined

from dj_assets.media.media_keys import FIELD_KEYS
from dj_assets.operators import registry
from dj_assets.operators.base import (
    Aggregator,
    Deduplicator,
    Expander,
    FieldMapper,
    Filter,
    Grouper,
    Mapper,
    Measuring,
    Operator,
    Selector,
)

MEDIA_KEYS = tuple(key for keys in FIELD_KEYS.values() for key in keys)
# A kind that is a special one of another follows it.
KINDS: dict[str, type[Operator]] = {
    "mapper": Mapper,
    "field mapper": FieldMapper,
    "filter": Filter,
    "selector": Selector,
    "expander": Expander,
    "grouper": Grouper,
    "aggregator": Aggregator,
    "deduplicator": Deduplicator,
}
# Parameters that every filter, every operator and every operator over media has. The page describes them once.
COMMON = ("min_closed_interval", "max_closed_interval", "reversed_range", "text_key", *MEDIA_KEYS)


@dataclass(frozen=True)
class Parameter:
    """Describe one parameter: its type and default in words, and whether it is measured."""

    name: str
    type: str
    default: str
    measured: bool


@dataclass(frozen=True)
class MeasuredStatistic:
    """Describe a statistic, a field or a model. `where` names the switch that requires it; "" if it is always used."""

    name: str
    about: str
    where: str


@dataclass(frozen=True)
class OperatorFacts:
    """Describe one operator. `sentence` is the first of its docstring, `details` the whole docstring as Markdown."""

    name: str
    kind: str
    sentence: str
    details: str
    parameters: tuple[Parameter, ...]
    statistics: tuple[MeasuredStatistic, ...]
    fields: tuple[MeasuredStatistic, ...]
    models: tuple[MeasuredStatistic, ...]


def shipped_operators() -> list[type[Operator]]:
    """Return the operators of the package, sorted by name, without custom ones."""
    classes = [registry.find(name) for name in registry.operator_names()]
    return [cls for cls in classes if cls and cls.__module__.startswith("dj_assets.")]


def kind_of(cls: type[Operator]) -> str:
    """Return the kind of an operator in words: a key of `KINDS`."""
    return next(kind for kind, base in reversed(KINDS.items()) if issubclass(cls, base))


def operator_facts(cls: type[Operator]) -> OperatorFacts:
    """Return the facts about a class."""
    details = inspect.cleandoc(cls.__doc__ or "")
    variants = _variants(cls)
    return OperatorFacts(
        name=cls.name,
        kind=kind_of(cls),
        sentence=first_sentence(details),
        details=details,
        parameters=tuple(_parameter(cls, name) for name in cls.model_fields if name not in COMMON),
        statistics=_gathered(
            (where, statistic.key, f"{_arrow_type(statistic.type)}, {statistic.unit}")
            for where, operator in variants
            if isinstance(operator, Measuring)
            for statistic in operator.statistics
        ),
        fields=_gathered(
            (where, name, _arrow_type(kind))
            for where, operator in variants
            if isinstance(operator, FieldMapper)
            for name, kind in operator.fields.items()
        ),
        models=_gathered((where, _any_lang(cls, name), "") for where, made in variants for name in made.models()),
    )


def type_in_words(schema: dict[str, Any]) -> str:
    """Return the type of a parameter, given as JSON Schema, in words."""
    if "anyOf" in schema:
        return " or ".join(type_in_words(part) for part in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {type_in_words(schema['items'])}" if schema.get("items") else "list"
    words = {"string": "text", "boolean": "true or false", "null": "none", "object": "mapping"}.get(kind, kind)
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {schema[key]}" for key, sign in bounds.items() if key in schema]
    return " ".join([words, *limits])


def default_in_words(value: object) -> str:
    """Return a default as it is written in a recipe; the largest integers mean no bound."""
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, int) and abs(value) >= sys.maxsize:
        return "no bound"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    if isinstance(value, tuple | list):
        return "[" + ", ".join(default_in_words(entry).strip("`") for entry in value) + "]"
    return f"`{value}`" if isinstance(value, str) and value else '`""`' if value == "" else str(value)


def _parameter(cls: type[Operator], name: str) -> Parameter:
    schema = cls.model_json_schema()["properties"][name]
    default = cls.model_fields[name].get_default(call_default_factory=True)
    return Parameter(name, type_in_words(schema), default_in_words(default), name not in cls.judging)


def _variants(cls: type[Operator]) -> list[tuple[str, Operator]]:
    """Return the operator with its defaults, and once with every switch reversed."""
    made: list[tuple[str, Operator]] = [("", cls())]
    for name, field in cls.model_fields.items():
        if field.annotation is bool and name not in COMMON:
            try:
                made.append((name, cls(**{name: not field.default})))
            except ValidationError:
                continue
    return made


def _gathered(triples: Iterable[tuple[str, str, str]]) -> tuple[MeasuredStatistic, ...]:
    """Keep the first occurrence of every name, given as the name of the switch, the name and a description."""
    known: dict[str, MeasuredStatistic] = {}
    for where, name, about in triples:
        known.setdefault(name, MeasuredStatistic(name, about, where))
    return tuple(known.values())


def _any_lang(cls: type[Operator], model: str) -> str:
    return f"{{lang}}.{model.removeprefix('en.')}" if model.startswith("en.") and "lang" in cls.model_fields else model


def _arrow_type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"list of {_arrow_type(kind.value_type)}s"
    return {"double": "number", "int64": "whole number", "string": "text", "bool": "true or false"}.get(
        str(kind), str(kind)
    )


def first_sentence(text: str) -> str:
    """Return the first sentence of a docstring, on one line."""
    paragraph = " ".join(text.split("\n\n", maxsplit=1)[0].split())
    end = paragraph.find(". ")
    return paragraph if end < 0 else paragraph[: end + 1]
