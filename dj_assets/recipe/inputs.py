"""Read the keys of a recipe that name its input: `dataset_path`, and `dataset` with its `configs`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from dj_assets.errors import RecipeError
from dj_assets.operators.selectors.mixture_selector import MixtureSelector
from dj_assets.recipe.model import Source

# The seed with which Data-Juicer shuffles.
SEED = 42
_HUB = "huggingface"
_WEIGHTLESS = "weights have no effect without max_sample_num, as in Data-Juicer"


@dataclass(frozen=True)
class Inputs:
    """Hold the sources that a recipe names, how many samples of each to take, and sentences about what is not read."""

    sources: tuple[Source, ...] = ()
    notices: tuple[str, ...] = ()
    mixture: MixtureSelector | None = None


def inputs_of(content: Mapping[str, Any], file: str) -> Inputs:
    """Return the input that a recipe names by `dataset_path`, else by `dataset`.

    Raises
    ------
    RecipeError
        If one of them is malformed, or a path is not acceptable.

    Examples
    --------
    >>> [source.paths for source in inputs_of({"dataset_path": "0.3 a.jsonl 0.7 b.jsonl"}, "x.yaml").sources]
    [('a.jsonl',), ('b.jsonl',)]
    >>> inputs_of({"dataset": {"configs": [{"type": "local", "path": "a.jsonl"}]}}, "x.yaml").sources[0].paths
    ('a.jsonl',)
    """
    path = content.get("dataset_path")
    if path:
        return _of_path(path, file)
    dataset = content.get("dataset")
    return _of_dataset(dataset, file) if dataset else Inputs()


def _of_path(path: object, file: str) -> Inputs:
    """Return the sources of a path, or of several paths each with or without a weight before it."""
    if not isinstance(path, str):
        raise RecipeError(file, f"must be a path, not {path!r}", key="dataset_path")
    try:
        words = shlex.split(path)
    except ValueError:
        words = [path]
    if not any(map(_is_number, words)):
        return Inputs(_sources([path], file, "dataset_path"))
    paths = [word for word in words if not _is_number(word)]
    if not paths:
        raise RecipeError(file, f"names no path: {path!r}", key="dataset_path")
    return Inputs(_sources(paths, file, "dataset_path"), (f"{file}: dataset_path: {_WEIGHTLESS}",))


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _of_dataset(dataset: object, file: str) -> Inputs:
    configs = dataset.get("configs") if isinstance(dataset, dict) else None
    if not isinstance(dataset, dict) or not isinstance(configs, list) or not configs:
        raise RecipeError(file, "needs a list 'configs' with at least one entry", key="dataset")
    paths: list[str] = []
    notices: list[str] = []
    for index, config in enumerate(configs):
        key = f"dataset.configs[{index}]"
        path = config.get("path") if isinstance(config, dict) else None
        if not isinstance(path, str) or not path:
            raise RecipeError(file, "needs a path", key=key)
        sentence = _unread(config, path)
        if sentence is None:
            paths.append(f"hf://datasets/{path}" if _source_of(config) == _HUB else path)
        else:
            notices.append(f"{file}: {key}: {sentence}")
        if credentials := sorted(name for name in config if name.startswith("aws_")):
            notices.append(f"{file}: {key}: not used: {', '.join(credentials)}; set the variables AWS_… in their place")
    sources = _sources(paths, file, "dataset")
    mixture = _mixture(dataset, configs, sources, file)
    weighted = any(config.get("weight") not in {None, 1} for config in configs)
    notices += [f"{file}: dataset: {_WEIGHTLESS}"] if weighted and mixture is None else []
    return Inputs(sources, tuple(notices), mixture)


def _unread(config: Mapping[str, object], path: str) -> str | None:
    """Return why an entry is not read, None if it is: a local path, a URL of a store, or a data set of the hub."""
    source = _source_of(config)
    if config.get("type") in {None, "local"} or source == "s3":
        return None
    if source == _HUB:
        narrowed = [key for key in ("name", "split") if config.get(key)]
        if not narrowed:
            return None
        return f"{path!r}: {narrowed[0]} is not read; name the files, such as hf://datasets/{path}/FOLDER, with --input"
    return f"{path!r} from {source} is not read; fetch it before, and name the files with --input"


def _source_of(config: Mapping[str, object]) -> object:
    return config.get("source") or config.get("type")


def _mixture(
    dataset: Mapping[str, object], configs: Sequence[Mapping[str, object]], sources: Sequence[Source], file: str
) -> MixtureSelector | None:
    """Return the selector of `max_sample_num` samples by the weights of the sources; None if all are taken."""
    most = dataset.get("max_sample_num")
    if most is None:
        return None
    # of a single source, samples carry no origin
    names = [source.origin for source in sources] if len(sources) > 1 else []
    weights = [config.get("weight", 1.0) for config in configs] if len(names) == len(configs) else []
    try:
        # the seed is given so that every manifest records it
        return MixtureSelector(max_sample_num=most, weights=dict(zip(names, weights, strict=False)), seed=SEED)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = f"dataset.{'.'.join(map(str, first['loc']))}"
        raise RecipeError(file, f"{first['msg']}, not {first['input']!r}", key=key) from None


def _sources(paths: Sequence[str], file: str, key: str) -> tuple[Source, ...]:
    """Return one source for each path; of several, a source is named after its whole path."""
    try:
        return tuple(Source(paths=(path,), name=path if len(paths) > 1 else None) for path in paths)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise RecipeError(file, problem, key=key) from None
