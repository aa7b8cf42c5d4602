"""Generate the JSON Schema of a recipe file from the classes, for completion and checks in editors."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dj_assets.operators.base import Operator
from dj_assets.recipe import composites, known_keys, regrouping
from dj_assets.recipe.edit import LAST_STEP
from dj_assets.recipe.model import AssetBlock
from dj_assets.recipe.parameters import ignored_by
from dj_assets.reference.operator_tables import operator_facts, shipped_operators

Schema = dict[str, Any]
DRAFT = "http://json-schema.org/draft-07/schema#"
_REF = "#/definitions/"
_QUOTED_NUMBER = {"type": "string", "pattern": r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"}
_NO_EFFECT = "Accepted as in Data-Juicer; has no effect."
_NAME: Schema = {"type": ["string", "null"], "minLength": 1}
_KEYS: dict[str, Schema] = {
    "image_key": {**_NAME, "description": "The field with the paths of images.", "default": "images"},
    "video_key": {**_NAME, "description": "The field with the paths of clips.", "default": "videos"},
    "audio_key": {**_NAME, "description": "The field with the paths of sounds.", "default": "audios"},
    "image_bytes_key": {**_NAME, "description": "The field with the bytes of images.", "default": "image_bytes"},
    "image_special_token": {**_NAME, "description": "The token for an image in a text."},
    "video_special_token": {**_NAME, "description": "The token for a clip in a text."},
    "audio_special_token": {**_NAME, "description": "The token for a sound in a text."},
    "eoc_special_token": {**_NAME, "description": "The token that ends a chunk of text with its media."},
    "open_tracer": {"description": "Has no effect: changes and drops by operators are always kept."},
    "project_name": {"type": ["string", "null"], "description": "A name for a recipe without an asset block."},
    "dataset": {
        "type": ["object", "array", "null"],
        "description": "The sources as 'configs', if neither the asset block nor 'dataset_path' names one.",
    },
    "dataset_path": {
        "type": ["string", "null"],
        "description": "The source, if the asset block names none: a path, or weights and paths.",
    },
    "unknown_parameters": {
        "enum": ["error", "notice", None],
        "default": "error",
        "description": "Refuse parameters that no version of an operator has, or leave them out with a notice.",
    },
    "np": {"type": ["integer", "null"], "minimum": 1, "description": "Worker processes. Results never depend on it."},
    "text_keys": {
        "description": "The field with the text; of a list, the first one is used.",
        "anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string"}, "minItems": 1}],
        "default": "text",
    },
    "custom_operator_paths": {
        "description": "Python files or folders with custom operators, relative to the recipe.",
        "anyOf": [{"type": "null"}, {"type": "string"}, {"type": "array", "items": {"type": "string"}}],
    },
}


def recipe_schema() -> Schema:
    """Return the schema, in draft 7, which the YAML language server reads.

    A recipe with `custom_operator_paths` may name operators that are not in the schema, any other recipe may not.
    Conditions on two parameters or on files are checked by `dj-assets validate` only.
    """
    classes = shipped_operators()
    block = AssetBlock.model_json_schema(ref_template=_REF + "{model}")
    definitions = {name: _single_or_list(part) for name, part in block.pop("$defs", {}).items()}
    definitions["AssetBlock"] = _single_or_list(block)
    definitions |= {cls.name: _operator(cls) for cls in classes}
    names = {cls.name: cls.name for cls in classes}
    other = {**known_keys.ALIASES, **known_keys.SHORT_NAMES}
    names |= {alias: name for alias, name in other.items() if name in names}
    definitions |= {name: _pipeline(name, keys) for name, keys in composites.PARAMETERS.items()}
    definitions[regrouping.NAME] = _pipeline(regrouping.NAME, regrouping.PARAMETERS)
    names |= {name: name for name in (*sorted(composites.NAMES), regrouping.NAME)}
    return {
        "$schema": DRAFT,
        "title": "Recipe",
        "description": "Defines how one data subset is cleaned, filtered and deduplicated.",
        "type": "object",
        "required": ["process"],
        "additionalProperties": False,
        "properties": _top_level(names),
        "if": {"required": ["custom_operator_paths"]},
        "else": {"properties": {"process": {"items": _known_only(names)}}},
        "definitions": definitions,
    }


def _top_level(operators: Mapping[str, str]) -> Schema:
    listed = {
        name: {"anyOf": [{"type": "null"}, {"$ref": _REF + definition}], "description": _sentence(definition)}
        for name, definition in operators.items()
    }
    entry: Schema = {
        "anyOf": [
            {"type": "object", "minProperties": 1, "maxProperties": 1, "properties": listed},
            {"type": "string"},
        ]
    }
    process = {"description": "The operators in order.", "type": "array", "minItems": 1, "items": entry}
    block = {"anyOf": [{"type": "null"}, {"$ref": _REF + "AssetBlock"}]}
    # an honoured key without a description takes any value
    honoured: Schema = {key: _KEYS.get(key, {}) for key in sorted(known_keys.HONOURED)}
    last = known_keys.SHORT_NAMES[LAST_STEP]
    honoured[LAST_STEP] = {
        "anyOf": [{"type": "null"}, {"$ref": _REF + last}],
        "description": f"The last operator of the recipe. {_sentence(last)}",
    }
    return {**honoured, "process": process, "asset": block, **_without_effect(known_keys.IGNORED - known_keys.HONOURED)}


def _known_only(operators: Mapping[str, str]) -> Schema:
    known = {"enum": list(operators)}
    return {"if": {"type": "string"}, "then": known, "else": {"propertyNames": known}}


def _pipeline(name: str, keys: Sequence[str]) -> Schema:
    """Return the schema of an operator that is read as the steps that it consists of, or that takes others back."""
    if name in composites.NAMES:
        steps = ", ".join(dict.fromkeys(step for step, _ in composites.steps_of(name, {})[0]))
        description, kinds = f"Read as its steps: {steps}.", ["object", "null"]
    else:
        description, kinds = _sentence(name), ["string", "null"]
    return {
        "title": name,
        "description": description,
        "type": "object",
        "additionalProperties": False,
        "properties": {key: {"type": kinds} for key in keys},
        "patternProperties": {f"^({'|'.join(sorted(composites.SHARED))})$": {"description": _NO_EFFECT}},
    }


def _operator(cls: type[Operator]) -> Schema:
    schema = _renamed(cls.model_json_schema(ref_template=_REF + "{model}"))
    facts = operator_facts(cls)
    without_effect = ignored_by(cls)
    properties = {
        name: _parameter(part, measured=name not in cls.judging)
        for name, part in schema["properties"].items()
        if name not in without_effect
    }
    ignored = "|".join(sorted(without_effect))
    return {
        "title": cls.name,
        "description": facts.details,
        "type": "object",
        "additionalProperties": False,
        **({"required": schema["required"]} if "required" in schema else {}),
        "properties": properties,
        "patternProperties": {f"^({ignored})$": {"description": _NO_EFFECT}},
    }


def _parameter(schema: Schema, *, measured: bool) -> Schema:
    about = "Measured: a new value measures again." if measured else "Judged: a new value measures nothing again."
    schema = {key: value for key, value in schema.items() if key not in {"title", "default"} or _shown(key, value)}
    variants = schema.get("anyOf", [schema])
    if any(part.get("type") in {"integer", "number"} for part in variants):
        rest = {key: value for key, value in schema.items() if key in {"default", "description"}}
        bare = [{key: value for key, value in part.items() if key not in rest} for part in variants]
        schema = {**rest, "anyOf": [*bare, _QUOTED_NUMBER]}
    return {**schema, "description": about}


def _shown(key: str, value: object) -> bool:
    """Return true for a default to show; values that mean no bound are left out, or editors would insert them."""
    return key == "default" and not (isinstance(value, int | float) and abs(value) >= sys.maxsize)


def _single_or_list(schema: Schema) -> Schema:
    """Allow a single entry in place of a list in the asset block, as the loader does."""
    properties = schema.get("properties", {})
    for name, part in properties.items():
        if part.get("type") == "array":
            properties[name] = {"anyOf": [part["items"], part], **_described(part)}
    if "paths" in properties:
        properties["path"] = properties["paths"]
    return schema


def _described(part: Schema) -> Schema:
    return {key: part[key] for key in ("description", "title") if key in part}


def _renamed(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key != "$defs"}


def _without_effect(names: Iterable[str]) -> Schema:
    return {name: {"description": _NO_EFFECT} for name in sorted(names)}


def _sentence(name: str) -> str:
    if name in composites.NAMES:
        return "Read as the steps that it consists of."
    if name == regrouping.NAME:
        return "Gives the members of groups back as they were: the grouper and the aggregators before it are left out."
    return next(operator_facts(cls).sentence for cls in shipped_operators() if cls.name == name)
