"""Read the parameters of an entry as its operator takes them: renamed, without those that have no effect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from dj_assets.errors import RecipeError
from dj_assets.media.media_keys import FIELD_KEYS
from dj_assets.models import wordlists
from dj_assets.operators import registry
from dj_assets.operators.base import Operator
from dj_assets.operators.kinds.language_model import CONNECTION, KEY, LanguageModelOperator
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.recipe import data_juicer, known_keys

Unknown = Literal["error", "notice"]
_MEDIA_KEYS = frozenset(key for keys in FIELD_KEYS.values() for key in keys)


@dataclass(frozen=True)
class Entry:
    """Hold the operator at an index of `process`: its name in the recipe, its class and the given parameters."""

    file: str
    index: int
    name: str
    cls: type[Operator]
    parameters: Mapping[str, object]

    def error(self, problem: str, key: str | None = None, fix: str | None = None) -> RecipeError:
        """Return the error for this entry."""
        return RecipeError(self.file, problem, self.index, self.cls.name, key, fix)


@dataclass(frozen=True)
class Adapted:
    """Hold parameters as a class takes them, the names of those without effect, and sentences about changes."""

    parameters: dict[str, object]
    without_effect: frozenset[str]
    notices: tuple[str, ...]


def adapted(entry: Entry, unknown: Unknown = "error") -> Adapted:
    """Return the parameters of an entry as its class takes them.

    A parameter with an old name gets the new one. A null is no value, unless the class takes null for one. A folder
    without word lists is replaced by the list that ships. `unknown` decides about parameters that neither the class nor
    Data-Juicer has.

    Raises
    ------
    RecipeError
        For an unknown parameter if `unknown` is `error`, and for one that is given by its old and its new name.
    """
    notices: list[str] = []
    given = _renamed(entry, notices)
    dead = given.keys() & known_keys.DEAD_PARAMETERS.get(entry.cls.name, frozenset())
    without_effect = dead | (given.keys() & _without_effect(entry))
    given = {key: value for key, value in given.items() if key not in without_effect}
    given = _with_connection(entry, given, notices)
    known = entry.cls.model_fields.keys() | entry.cls.recipe_names.keys()
    unknown_keys = {key for key in given if key not in known} if unknown == "notice" else set()
    notices += [_say(entry, _unknown(key, entry.cls), key) for key in sorted(unknown_keys)]
    given = {
        key: value
        for key, value in given.items()
        if key not in unknown_keys and (value is not None or _takes_null(entry.cls, key))
    }
    return Adapted(_with_word_lists(entry, given, notices), frozenset(without_effect), tuple(notices))


def ignored_by(cls: type[Operator]) -> set[str]:
    """Return the keys without effect: those that the class does not declare, or that name media of another kind."""
    others = _MEDIA_KEYS - set(FIELD_KEYS[cls.media]) if issubclass(cls, MediaOperator) else set()
    return {*(known_keys.OPERATOR_IGNORED - cls.model_fields.keys()), *others, *of_data_juicer_only(cls.name, cls)}


def of_data_juicer_only(name: str, cls: type[Operator]) -> set[str]:
    """Return the parameters that the operator has in Data-Juicer under a name, but not here."""
    known = data_juicer.operators().get(name)
    return set(known.parameters if known else ()) - cls.model_fields.keys() - cls.recipe_names.keys()


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return the question for the nearest of the known names, None if no name is near."""
    near = registry.nearest(name, sorted(known))
    return f"did you mean {near!r}?" if near else None


def with_cure(question: str | None) -> str:
    """Return the fix for an unknown parameter: the nearest name, if there is one, and how to go without it.

    Examples
    --------
    >>> with_cure(None)
    "'unknown_parameters: notice' leaves it out, as Data-Juicer does"
    """
    cure = "'unknown_parameters: notice' leaves it out, as Data-Juicer does"
    return f"{question} Else {cure}" if question else cure


def _without_effect(entry: Entry) -> set[str]:
    if entry.parameters.keys() <= entry.cls.model_fields.keys() - _MEDIA_KEYS:
        return set()
    return ignored_by(entry.cls) | of_data_juicer_only(entry.name, entry.cls)


def _renamed(entry: Entry, notices: list[str]) -> dict[str, object]:
    given = dict(entry.parameters)
    for old, new in known_keys.RENAMED_PARAMETERS.get(entry.cls.name, {}).items():
        if old in given and new in given:
            raise entry.error(f"is the old name of {new}, which is given, too", old, "remove one of them")
        if old in given:
            given[new] = given.pop(old)
            notices.append(_say(entry, f"is an earlier name of {new} and read as that", old))
    return given


def _unknown(key: str, cls: type[Operator]) -> str:
    question = did_you_mean(key, cls.model_fields)
    return "unknown parameter without effect" + (f"; {question}" if question else "")


def _takes_null(cls: type[Operator], key: str) -> bool:
    field: Any = cls.model_fields.get(key)
    return field is None or type(None) in get_args(field.annotation)


def _with_word_lists(entry: Entry, given: dict[str, object], notices: list[str]) -> dict[str, object]:
    """Return the parameters without folders that hold no word lists: the operator then takes the list that ships."""
    for kind in wordlists.KINDS:
        key = f"{kind}_dir"
        source = given.get(key)
        if key not in entry.cls.model_fields or not isinstance(source, str) or wordlists.exists(kind, source):
            continue
        shipped = wordlists.SHIPPED[kind]
        if registry.nearest(source, [shipped]):
            raise entry.error(f"{source!r} is no word list", key, f"did you mean {shipped!r}?")
        notices.append(_say(entry, f"{source!r} holds no word lists; the list {shipped!r} is used", key))
        given = {name: value for name, value in given.items() if name != key}
    return given


def _with_connection(entry: Entry, given: dict[str, object], notices: list[str]) -> dict[str, object]:
    """Return the parameters of an operator that asks a model with those of the connection that have an effect.

    Others are for models in the process of Data-Juicer. A key of the server would be written into the files of a run.
    """
    connection = given.get("model_params")
    if not issubclass(entry.cls, LanguageModelOperator) or not isinstance(connection, dict):
        return given
    left_out = sorted(map(str, connection.keys() - set(CONNECTION)))
    if not left_out:
        return given
    advice = "; set OPENAI_API_KEY" if KEY in left_out else ""
    notices.append(_say(entry, f"{', '.join(left_out)} without effect{advice}", "model_params"))
    return {**given, "model_params": {key: value for key, value in connection.items() if key in CONNECTION}}


def _say(entry: Entry, sentence: str, key: str) -> str:
    return str(entry.error(sentence, key))
