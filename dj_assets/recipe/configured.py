"""The settings in effect: every declared variable with its value and origin, and the entries of `sources.yaml`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from dj_assets import settings, urls, variables
from dj_assets.errors import UserError
from dj_assets.operators.registry import nearest
from dj_assets.recipe.gallery import configured_sources
from dj_assets.recipe.yaml_file import read_yaml
from dj_assets.variables import Variable

Origin = Literal["default", "environment", "file"]
Value = str | int | float | bool | list[str] | None

_AGAINST = ".against"
# The value of a setting is computed by the function that the rest of the package calls.
_VALUES: Mapping[Variable, Callable[[], object]] = {
    variables.PROJECT: settings.find_project,
    variables.HOME: lambda: settings.home_url() or (settings.data_home() if settings.has_data_home() else None),
    variables.RECIPES: settings.recipe_folders,
    variables.MODELS: settings.model_folders,
    variables.CACHE: urls.cache_folder,
    variables.ENGINE: settings.engine,
    variables.DEVICE: settings.device,
    variables.ONE_NODE_SAMPLES: settings.one_node_samples,
    variables.MAX_RECORD_MB: lambda: settings.max_record_bytes() // 2**20,
    variables.MEDIA_SECONDS: settings.media_seconds,
    variables.MEDIA_MEMORY_MB: lambda: settings.media_memory_bytes() // 1_000_000,
    variables.MEDIA_SANDBOX: settings.media_sandbox,
    variables.ALLOW_CODE: settings.allow_code,
    variables.NIGHTLY: settings.nightly_cron,
    variables.SENSOR_SECONDS: settings.sensor_seconds,
    variables.SHARDS_A_RUN: settings.shards_a_run,
    variables.S3_ENDPOINT: urls.s3_endpoint,
    variables.AZURE_ENDPOINT: urls.azure_endpoint,
}


@dataclass(frozen=True)
class Setting:
    """Hold one setting in effect; `default` describes in words the effect of a `value` of None.

    The value of a secret is "set". A value that cannot be used is None, and `problem` contains the reason.
    """

    group: str
    name: str
    value: Value
    origin: Origin
    unit: str
    default: str
    about: str
    problem: str = ""


def settings_in_effect() -> list[Setting]:
    """Return every setting, in the order of the declarations; a variable per subset appears once for each subset.

    An invalid value raises no error: its setting has a `problem`.
    """
    entries: list[Setting] = []
    for group, declared in variables.GROUPS.items():
        for variable in declared:
            entries += _of_subsets(group, variable) if variable.per_subset else [_setting(group, variable)]
    return entries


def unknown_variables() -> list[str]:
    """Return one sentence for each unknown `DJ_…` variable in the environment."""
    names = [variable.name for variable in variables.ALL]
    unknown = [
        name for name in sorted(variables.own_values()) if not any(known.stands_for(name) for known in variables.ALL)
    ]
    near = {name: nearest(name, names) for name in unknown}
    return [
        f"{name} is not a variable of this package" + (f"; did you mean {near[name]}?" if near[name] else "")
        for name in unknown
    ]


def _setting(group: str, variable: Variable) -> Setting:
    origin: Origin = "environment" if variable.given() else "default"
    if variable.secret:
        return _described(group, variable, lambda: "set" if variable.given() else None, origin)
    return _described(group, variable, _VALUES.get(variable, partial(urls.first_given, variable)), origin)


def _of_subsets(group: str, variable: Variable) -> list[Setting]:
    """Return the settings of a variable per subset: first those of the environment, then those of the file."""
    file = settings.sources_file()
    given = [name for name in sorted(variables.own_values()) if variable.stands_for(name)]
    settings_of_subsets = [
        _described(group, setting_of_subset, partial(_checked_locations, setting_of_subset), "environment")
        for setting_of_subset in (variable.named(name) for name in given)
        if setting_of_subset.given()
    ]
    try:
        keys = [key for key in _keys(file) if key.endswith(_AGAINST) == (variable == variables.AGAINST)]
    except UserError as error:
        return [*settings_of_subsets, _described(group, variable, partial(_fail, error), "file")]
    for key in keys:
        setting_of_subset = variable.of_subset(key.removesuffix(_AGAINST))
        if setting_of_subset.name not in {setting.name for setting in settings_of_subsets}:
            settings_of_subsets.append(_described(group, setting_of_subset, partial(_entry, key), "file"))
    return settings_of_subsets or [_described(group, variable, lambda: None, "default")]


def _keys(file: Path | None) -> Iterator[str]:
    return map(str, read_yaml(file)) if file is not None and file.exists() else iter(())


def _entry(key: str) -> list[str]:
    return [location for source in configured_sources(key, ()) for location in source.paths or (source.subset or "",)]


def _checked_locations(variable: Variable) -> list[str]:
    return [urls.checked_location(location) for location in urls.split_locations(variable.given() or "")]


def _fail(error: UserError) -> None:
    raise error


def _described(group: str, variable: Variable, value: Callable[[], object], origin: Origin) -> Setting:
    problem, shown = "", None
    try:
        shown = _plain(value())
        if variable.choices and origin == "environment" and variable.given() not in variable.choices:
            problem = f"{variable.name}: {variable.given()!r} is not one of {', '.join(variable.choices)}"
    except (UserError, ValueError) as error:
        problem = str(error)
    return Setting(
        group, variable.name, shown, origin, variable.unit, variable.default, variable.about, problem=problem
    )


def _plain(value: object) -> Value:
    """Return a value in a form that JSON can represent."""
    if value is None or isinstance(value, str | int | float):
        return value
    return [str(item) for item in value] if isinstance(value, list | tuple) else str(value)
