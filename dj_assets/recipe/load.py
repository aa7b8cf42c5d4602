"""Load a checked `Recipe` from YAML or a dict; every error is one line with file, operator, key and the fix."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from pydantic import BaseModel, ValidationError

from dj_assets.errors import RecipeError, UserError
from dj_assets.media.media_keys import FIELD_KEYS, MediaKeys
from dj_assets.media.tokens import SpecialTokens
from dj_assets.operators import contract, registry
from dj_assets.operators.base import Aggregator, CorpusMapper, Expander, FieldMapper, Filter, Grouper, Operator
from dj_assets.operators.conditions import Range
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.operators.kinds.reference_filter import ReferenceFilter
from dj_assets.recipe import composites, data_juicer, known_keys, unregistered
from dj_assets.recipe.custom_operators import import_operators, module_name
from dj_assets.recipe.edit import LAST_STEP
from dj_assets.recipe.inputs import inputs_of
from dj_assets.recipe.model import AssetBlock, Recipe
from dj_assets.recipe.parameters import Entry, Unknown, adapted, did_you_mean, with_cure
from dj_assets.recipe.regrouping import without_reversed
from dj_assets.recipe.yaml_file import read_yaml

IN_MEMORY = "<dict>"
# The keys of recipes, and the attributes of `SpecialTokens` and `MediaKeys` that they set.
_TOKENS = {f"{name}_special_token": name for name in ("image", "video", "audio", "eoc")}
_FIELDS = {key: name for keys in FIELD_KEYS.values() for key, name in keys.items()}
_MEDIA_KEYS = _TOKENS.keys() | _FIELDS.keys()


def load_recipe(
    recipe: str | Path | Mapping[str, object] | Recipe, unknown_parameters: Unknown | None = None
) -> Recipe:
    """Load a recipe from a YAML file or a dict with the same keys.

    Parameters
    ----------
    unknown_parameters
        With `notice`, parameters that no version of the operator has are left out with a notice, as Data-Juicer leaves
        them out without one. By default the key `unknown_parameters` of the recipe, else `error`.

    Raises
    ------
    RecipeError
        At the first error: an unknown key or operator (with the nearest known name), a value of the wrong type, or a
        parameter out of its range.
    """
    if isinstance(recipe, Recipe):
        return recipe
    if isinstance(recipe, Mapping):
        return _build(dict(recipe), IN_MEMORY, unknown_parameters)
    path = Path(recipe)
    return _build(read_yaml(path), str(path), unknown_parameters)


def _build(content: dict[str, Any], file: str, unknown: Unknown | None) -> Recipe:
    notices = _check_keys(content, file)
    # as in Data-Juicer, a null is no value
    content = {key: value for key, value in content.items() if value is not None}
    custom_operators = _custom_operators(content.get("custom_operator_paths"), file)
    import_operators(custom_operators)
    forgotten = unregistered.unregistered(sys.modules[module_name(path)] for path in custom_operators)
    notices += unregistered.notices(forgotten)
    text_key = _text_key(content.get("text_keys", "text"), file)
    asset = _asset(content.get("asset"), file)
    media = _media(content, asset, file)
    unknown = unknown or _unknown_parameters(content.get("unknown_parameters", "error"), file)
    process, entries, found = _process(_entries(content), _Context(file, text_key, media, asset, forgotten, unknown))
    inputs = inputs_of(content, file)
    notices += [*found, *inputs.notices]
    mixture = (inputs.mixture,) if inputs.mixture else ()
    recipe = Recipe(
        file=file,
        process=(*mixture, *process),
        prepended=len(mixture),
        entries=entries,
        text_key=text_key,
        media=media,
        project_name=str(content.get("project_name") or ""),
        workers=_workers(content.get("np"), file),
        inputs=inputs.sources,
        custom_operators=custom_operators,
        notices=tuple(notices),
    )
    return recipe if asset is None else recipe.as_asset(asset)


def _check_keys(content: Mapping[str, object], file: str) -> list[str]:
    for key in content:
        if key not in known_keys.HONOURED | known_keys.IGNORED:
            raise RecipeError(
                file, "unknown key", key=str(key), fix=did_you_mean(str(key), known_keys.HONOURED | known_keys.IGNORED)
            )
    ignored = sorted(set(content) & known_keys.IGNORED)
    return [f"{file}: keys without effect here: {', '.join(ignored)}"] if ignored else []


@dataclass(frozen=True)
class _Context:
    """Hold the parts of a recipe that its operators need."""

    file: str
    text_key: str
    media: MediaKeys
    asset: AssetBlock | None
    unregistered: tuple[type[Operator], ...] = ()
    unknown_parameters: Unknown = "error"


def _entries(content: Mapping[str, Any]) -> object:
    """Return the entries of `process`, with the top-level key `decontaminate` as the last one."""
    entries = content.get("process")
    if LAST_STEP not in content or not isinstance(entries, list | None):
        return entries
    return [*(entries or []), {LAST_STEP: content[LAST_STEP]}]


def _process(entries: object, context: _Context) -> tuple[tuple[Operator, ...], tuple[int, ...], list[str]]:
    """Return the operators, the index of each one's entry, and sentences about what is read otherwise than written.

    An entry is several operators if it names a pipeline, see `composites`.
    """
    if not isinstance(entries, list) or not entries:
        raise RecipeError(context.file, "needs a list of at least one operator", key="process")
    operators: list[Operator] = []
    indices: list[int] = []
    ignored: set[str] = set()
    notices: list[str] = []
    steps = without_reversed(_steps(entries, context.file, notices), context.file, notices)
    for index, written, parameters in steps:
        name = known_keys.RENAMED_OPERATORS.get(written, written)
        if name != written:
            earlier = f"is an earlier name of {name} and read as that"
            notices.append(str(RecipeError(context.file, earlier, index, written)))
        cls = _class_of({**known_keys.ALIASES, **known_keys.SHORT_NAMES}.get(name, name), index, context)
        taken = adapted(Entry(context.file, index, name, cls, parameters), context.unknown_parameters)
        ignored |= taken.without_effect
        notices += taken.notices
        operators.append(_operator(cls, taken.parameters, index, context))
        notices += [
            str(RecipeError(context.file, problem, index, name, key)) for key, problem in _unmet_bounds(operators[-1])
        ]
        indices.append(index)
    _check_groups(operators, context.file)
    if ignored:
        notices.append(f"{context.file}: operator keys without effect here: {', '.join(sorted(ignored))}")
    return tuple(operators), tuple(indices), notices


def _steps(entries: Sequence[object], file: str, notices: list[str]) -> Iterator[tuple[int, str, dict[str, object]]]:
    """Yield the index of its entry, name and parameters of every operator; a pipeline is taken apart."""
    for index, entry in enumerate(entries):
        name, parameters = _entry(entry, file, index)
        if name not in composites.NAMES:
            yield index, name, parameters
            continue
        try:
            steps, found = composites.steps_of(name, parameters)
        except UserError as error:
            raise RecipeError(file, str(error), index, name) from None
        notices += [str(RecipeError(file, sentence, index, name)) for sentence in found]
        for step, values in steps:
            yield index, step, dict(values)


def _check_groups(operators: Sequence[Operator], file: str) -> None:
    """Check that every grouper has an aggregator, and that nothing after it counts the corpus."""
    before: Operator | None = None
    grouped: Operator | None = None
    expanded: Operator | None = None
    for index, operator in enumerate([*operators, None]):
        if isinstance(before, Grouper) and not isinstance(operator, Aggregator):
            fix = "put an aggregator behind it, such as join_text_aggregator"
            raise RecipeError(file, "no aggregator follows this grouper", index - 1, before.name, fix=fix)
        if isinstance(operator, Aggregator) and not isinstance(before, Grouper | Aggregator):
            fix = "put a grouper in front of it, such as key_value_grouper"
            raise RecipeError(file, "no grouper stands before this aggregator", index, operator.name, fix=fix)
        if isinstance(operator, CorpusMapper) and grouped is not None:
            problem = f"counts the corpus, which {grouped.name} before it changes"
            raise RecipeError(file, problem, index, operator.name, fix="put it in front of the grouper")
        if isinstance(operator, CorpusMapper) and operator.keeps_first and expanded is not None:
            problem = f"keeps the first of several samples, but {expanded.name} before it makes samples of others"
            raise RecipeError(file, problem, index, operator.name, fix="put it in front, or set keep_first: false")
        before = operator
        expanded = before if isinstance(before, Expander) else expanded
        grouped = before if isinstance(before, Grouper) else grouped


def _entry(entry: object, file: str, index: int) -> tuple[str, dict[str, object]]:
    if isinstance(entry, str):
        return entry, {}
    if not isinstance(entry, dict) or len(entry) != 1:
        raise RecipeError(file, "must be one operator name with its parameters", index=index)
    ((name, parameters),) = entry.items()
    if parameters is not None and not isinstance(parameters, dict):
        raise RecipeError(file, f"parameters must be a mapping, not {parameters!r}", index=index, operator=str(name))
    return str(name), dict(parameters or {})


def _class_of(name: str, index: int, context: _Context) -> type[Operator]:
    file = context.file
    cls = registry.find(name)
    if cls is not None:
        return cls
    missing = data_juicer.operators().get(name)
    if missing is not None:
        raise RecipeError(file, missing.problem, index, name, fix=missing.fix)
    forgotten = unregistered.meant(name, context.unregistered)
    if forgotten is not None:
        problem = f"unknown operator; {unregistered.missing(forgotten)}"
        raise RecipeError(file, problem, index, name, fix=unregistered.fix(forgotten, name))
    known = {*registry.operator_names(), *data_juicer.operators()}
    raise RecipeError(file, "unknown operator", index, name, fix=did_you_mean(name, known))


def _own_media_keys(cls: type[Operator]) -> set[str]:
    """Return the parameters by which an operator names the fields of its media; empty if it reads none."""
    return set(FIELD_KEYS[cls.media]) if issubclass(cls, MediaOperator) else set()


def _operator(cls: type[Operator], parameters: dict[str, object], index: int, context: _Context) -> Operator:
    file, name = context.file, cls.name
    # a parameter that names the same field as the recipe changes nothing, and no hash
    of_recipe = {key: getattr(context.media, _FIELDS[key]) for key in _own_media_keys(cls)}
    of_recipe["text_key"] = context.text_key
    parameters = {key: value for key, value in parameters.items() if key not in of_recipe or of_recipe[key] != value}
    try:
        operator = cls.model_validate(_word_lists(cls, context.asset) | parameters).in_recipe(
            context.text_key, context.media
        )
    except ValidationError as error:
        key, problem, fix = _explain(error, cls)
        raise RecipeError(file, problem, index, name, key or None, fix) from None
    contract.check_operator(operator)
    if isinstance(operator, ReferenceFilter) and not operator.against:
        fix = "name a file or folder, such as {against: benchmarks/}"
        raise RecipeError(file, "is required", index, name, "against", fix)
    for key, problem in _bad_bounds(operator):
        raise RecipeError(file, problem, index, name, key)
    for field in operator.fields if isinstance(operator, FieldMapper) else ():
        if f"{field}.".startswith(f"{context.text_key}.") or context.text_key.startswith(f"{field}."):
            problem = f"writes the field {field!r}, but {context.text_key!r} holds the text"
            raise RecipeError(file, problem, index, name, fix="name another field, or another one in 'text_keys'")
    return operator


def _bad_bounds(operator: Operator) -> Iterator[tuple[str, str]]:
    """Yield the parameters that no sample can satisfy, each with what is wrong: NaN, or a minimum above its maximum."""
    for key in type(operator).model_fields:
        value = getattr(operator, key)
        if isinstance(value, float) and math.isnan(value):
            yield key, "is NaN, which is no bound"
    yield from (fault for range_, fault in _faults(operator) if _both_given(operator, range_))


def _unmet_bounds(operator: Operator) -> Iterator[tuple[str, str]]:
    """Yield the minima that are above the usual maxima, and the other way round: Data-Juicer takes them, too."""
    for range_, (key, problem) in _faults(operator):
        if not _both_given(operator, range_):
            yield key, f"{problem}, so that no value is in the range"


def _faults(operator: Operator) -> Iterator[tuple[Range, tuple[str, str]]]:
    condition = operator.condition if isinstance(operator, Filter) else None
    for range_ in condition.ranges() if condition else ():
        if range_.fault:
            yield range_, range_.fault


def _both_given(operator: Operator, range_: Range) -> bool:
    return {range_.low_name, range_.high_name} <= operator.model_fields_set


def _word_lists(cls: type[Operator], asset: AssetBlock | None) -> dict[str, str]:
    """Return the word lists that the asset block names, as parameters of a filter."""
    named = asset.word_lists if asset else {}
    return {f"{kind}_dir": value for kind, value in named.items() if f"{kind}_dir" in cls.model_fields}


def _asset(block: object, file: str) -> AssetBlock | None:
    if block is None:
        return None
    try:
        return AssetBlock.model_validate(block)
    except ValidationError as error:
        key, problem, fix = _explain(error, AssetBlock)
        raise RecipeError(file, problem, key=f"asset.{key}", fix=fix) from None


def _explain(error: ValidationError, cls: type[BaseModel]) -> tuple[str, str, str | None]:
    """Return key, message and fix for pydantic's first error."""
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"] if not str(part).startswith("function-"))
    if first["type"] == "extra_forbidden":
        question = did_you_mean(key, set(cls.model_fields))
        return key, "unknown parameter", with_cure(question) if issubclass(cls, Operator) else question
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if first["type"] == "missing":
        return key, "is required", None
    if first["type"] == "value_error":
        return key, message, None
    return key, f"must be {message}, not {first['input']!r}", None


def _text_key(value: object, file: str) -> str:
    first = value[0] if isinstance(value, list) and value else value
    if not isinstance(first, str) or not first:
        raise RecipeError(file, f"must be a name or a list of names, not {value!r}", key="text_keys")
    return first


def _media(content: Mapping[str, Any], asset: AssetBlock | None, file: str) -> MediaKeys:
    """Return the keys of media and the tokens in texts, checked against the tokens that raw formats write."""
    given = {key: value for key in sorted(_MEDIA_KEYS) if (value := content.get(key)) is not None}
    for key, value in given.items():
        if not isinstance(value, str) or not value:
            raise RecipeError(file, f"must be a name, not {value!r}", key=key)
    tokens = {name: given[key] for key, name in _TOKENS.items() if key in given}
    fields = {name: given[key] for key, name in _FIELDS.items() if key in given}
    media = MediaKeys(**fields, tokens=SpecialTokens(**tokens))
    for source in asset.source if asset else ():
        _check_written(source.format, media, file)
    return media


def keys_of_media(media: MediaKeys) -> dict[str, str]:
    """Return the keys of a recipe that set these fields and tokens, without those that have their defaults."""
    usual = MediaKeys()
    fields = {key: getattr(media, of) for key, of in _FIELDS.items() if getattr(media, of) != getattr(usual, of)}
    tokens = {key: getattr(media.tokens, of) for key, of in _TOKENS.items()}
    return fields | {key: token for key, token in tokens.items() if token != getattr(usual.tokens, _TOKENS[key])}


def _check_written(format: str | None, media: MediaKeys, file: str) -> None:
    """Raise for tokens that the reader of a raw format does not write: the texts would have no media."""
    for name, token in known_keys.WRITTEN_TOKENS.get(format or "", {}).items():
        active = getattr(media.tokens, name)
        if active != token:
            problem = f"is {active!r}, but the format {format} writes {token!r}"
            raise RecipeError(file, problem, key=f"{name}_special_token", fix=f"set it to {token!r}")


def _unknown_parameters(value: object, file: str) -> Unknown:
    if value not in get_args(Unknown):
        raise RecipeError(file, f"must be 'error' or 'notice', not {value!r}", key="unknown_parameters")
    return cast("Unknown", value)


def _workers(value: object, file: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise RecipeError(file, f"must be a whole number above 0, not {value!r}", key="np")
    return value


def _custom_operators(paths: object, file: str) -> tuple[Path, ...]:
    """Return the user's operator files; the files of a folder are sorted by name."""
    given = [paths] if isinstance(paths, str) else paths or []
    if not isinstance(given, list):
        raise RecipeError(file, f"must be a list of paths, not {paths!r}", key="custom_operator_paths")
    base = Path(file).parent if file != IN_MEMORY else Path.cwd()
    modules: list[Path] = []
    for entry in given:
        path = base / str(entry)
        files = _modules(path)
        if not files:
            raise RecipeError(file, f"no such Python file or folder: {path}", key="custom_operator_paths")
        modules += [module.resolve() for module in files]
    return tuple(modules)


def _modules(path: Path) -> list[Path]:
    """Return a file, or the Python files of a folder by name; files that pytest takes are left out there."""
    if not path.is_dir():
        return [path] if path.exists() else []
    tests = {*path.glob("test_*.py"), *path.glob("*_test.py"), path / "conftest.py"}
    return sorted({*path.glob("*.py")} - tests)
