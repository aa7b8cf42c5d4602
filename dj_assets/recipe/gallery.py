"""All recipes of the recipe folders, each as an asset, and the actual locations of their sources."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dj_assets import settings, variables
from dj_assets.errors import RecipeError, UserError
from dj_assets.operators.base import Deduplicator
from dj_assets.operators.registry import nearest
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.mixture import SUFFIX, Mix, find_mixes, load_mix
from dj_assets.recipe.model import AssetBlock, GalleryRecipe, Recipe, Source
from dj_assets.recipe.yaml_file import read_yaml
from dj_assets.urls import checked_location, split_locations


@dataclass(frozen=True)
class Gallery:
    """Hold the recipes and mixtures that load, keyed by name, and the errors of the others, keyed by file."""

    recipes: dict[str, GalleryRecipe]
    broken: dict[Path, RecipeError]
    mixes: dict[str, Mix] = field(default_factory=dict)


def find_gallery(folders: tuple[Path, ...] | None = None) -> Gallery:
    """Load every YAML file below the recipe folders; a subset comes after the subsets that are its sources.

    A single file may stand in place of a folder.

    A file without an `asset:` block takes its group from its folder and its subset from its name. A recipe that is
    broken, or uses the subset name of another recipe, does not hide the others. A recipe of the user's takes the place
    of an included one with the same subset name.
    """
    found = _gallery(_recipe_files(folders))
    mixes, broken = find_mixes(settings.recipe_folders() if folders is None else folders, found.recipes)
    return replace(found, broken=found.broken | broken, mixes=mixes)


def _gallery(files: Sequence[Path]) -> Gallery:
    recipes: dict[str, GalleryRecipe] = {}
    broken: dict[Path, RecipeError] = {}
    for path in files:
        try:
            recipe = as_asset(load_recipe(path), path)
        except RecipeError as error:
            broken[path] = error
            continue
        subset = recipe.asset.subset
        if subset in recipes and _is_included(path) and not _is_included(Path(recipes[subset].file)):
            continue
        if subset in recipes:
            taken = f"subset {subset!r} is taken by {recipes[subset].file}"
            broken[path] = RecipeError(str(path), taken, key="asset.subset", fix="rename one")
            continue
        recipes[subset] = recipe
    return Gallery(_upstream_first(recipes, broken), broken)


def known_mix(name: str) -> Mix:
    """Return the mix of a file, or of a name in the gallery.

    Raises
    ------
    RecipeError
        If the file cannot be used.
    UserError
        If there is no such mix.
    """
    if Path(name).is_file():
        return load_mix(Path(name))
    mixes = find_gallery().mixes
    if name not in mixes:
        known = ", ".join(sorted(mixes)) or f"none; write NAME{SUFFIX} into a recipe folder"
        raise UserError(f"{name}: is neither a file nor a mix of the gallery; there are: {known}")
    return mixes[name]


def required(gallery: Gallery) -> Gallery:
    """Return a gallery that has a recipe.

    Raises
    ------
    UserError
        If the folders hold no recipe at all; the message names them.
    """
    if not gallery.recipes and not gallery.broken:
        folders = ", ".join(str(folder) for folder in settings.recipe_folders())
        raise UserError(f"{folders}: no recipe; add one, or write 'gallery: true' into dj_assets.yaml of the project")
    return gallery


def known_recipe(subset: str, folders: tuple[Path, ...] | None = None) -> GalleryRecipe:
    """Return the recipe of a subset, whose name may be given with its group; `folders` as in `find_gallery`.

    Raises
    ------
    UserError
        If the gallery has no such subset; the message names the nearest one.
    """
    name = subset.rpartition("/")[2].removesuffix(".yaml")
    files = _recipe_files(folders)
    # loading all recipes imports most operators; a recipe that is made of other subsets needs theirs, too
    recipes = _gallery([file for file in files if _may_be_of(name, file)]).recipes
    if name not in recipes:
        recipes = _gallery(files).recipes
    if name not in recipes:
        near = nearest(name.lower(), sorted(recipes))
        cure = f"did you mean {near!r}?" if near else "'dj-assets prune' lists those that were run"
        raise UserError(f"{subset}: is neither a folder nor a subset of the gallery; {cure}")
    return recipes[name]


def _may_be_of(name: str, file: Path) -> bool:
    """Return whether a file may have the recipe of a subset; one that says so in an unusual form is not seen."""
    named = rb"subset\b['\"]?\s*:\s*['\"]?" + re.escape(name.encode()) + rb"\b"
    try:
        return name == _identifier(file.stem) or re.search(named, file.read_bytes()) is not None
    except OSError:
        return True


def _is_included(path: Path) -> bool:
    return path.is_relative_to(settings.included_recipes())


def as_asset(recipe: Recipe, path: Path) -> GalleryRecipe:
    """Return the recipe with an `asset:` block; a missing block is made from the names of folder and file."""
    if isinstance(recipe, GalleryRecipe):
        return recipe
    block = AssetBlock(subset=_identifier(path.stem), group=_identifier(path.parent.name), source=recipe.inputs)
    return recipe.as_asset(block)


def sources_of(recipe: Recipe) -> tuple[Source, ...]:
    """Return the sources of a subset: `DJ_SOURCE_<SUBSET>`, else `sources.yaml`, else those of the recipe.

    Plain paths from the environment or `sources.yaml` are read like the recipe's own source, see `reading_like`.

    Raises
    ------
    RecipeError
        If none of them names a source.
    """
    subset = recipe.asset.subset if isinstance(recipe, GalleryRecipe) else ""
    given = variables.SOURCE.of_subset(subset).given()
    if given:
        return reading_like(recipe, split_locations(given))
    listed = configured_sources(subset, recipe.source)
    if listed:
        return listed
    named = recipe.source or recipe.inputs
    if named:
        return named
    raise RecipeError(
        recipe.file, "has no source", key="asset.source.paths", fix=f"add it, or {subset!r} to sources.yaml"
    )


def reference_sources(
    recipe: Recipe, paths: Sequence[str] | None = None, text_key: str | None = None
) -> tuple[Source, ...]:
    """Return the reference set of a subset: the given paths, else the configured ones, else nothing.

    `text_key` is the key of the text in its records, if it is not that of the recipe.

    Raises
    ------
    RecipeError
        If there is a reference set, but no deduplicator in the recipe.
    """
    sources = _references(recipe) if paths is None else tuple(_source((path,)) for path in paths)
    if text_key is not None:
        sources = tuple(source.model_copy(update={"text_key": text_key}) for source in sources)
    if sources and not any(isinstance(operator, Deduplicator) for operator in recipe.process):
        fix = "add one, such as document_simhash_deduplicator"
        raise RecipeError(recipe.file, "has no deduplicator to work with", key="asset.against", fix=fix)
    return sources


def _references(recipe: Recipe) -> tuple[Source, ...]:
    """Return the sources of `DJ_AGAINST_<SUBSET>`, else of `<subset>.against` in `sources.yaml`, else of the recipe."""
    if not isinstance(recipe, GalleryRecipe):
        return ()
    subset, sources = recipe.asset.subset, recipe.against
    given = variables.AGAINST.of_subset(subset).given()
    if given:
        return _reading_like(sources, split_locations(given))
    return configured_sources(f"{subset}.against", sources) or sources


def source_paths(recipe: Recipe) -> tuple[str, ...]:
    """Return the sources of a subset in readable form: its paths, and the names of refined subsets."""
    return tuple(location for source in sources_of(recipe) for location in source.paths or (source.subset or "",))


def reading_like(recipe: Recipe, paths: Sequence[str]) -> tuple[Source, ...]:
    """Return other paths as sources that are read like the recipe's own.

    With one source in the recipe, all paths are read like it. With n sources and n paths, each path is read like the
    source with the same index. Else the paths are plain files.
    """
    return _reading_like(recipe.source or recipe.inputs, paths)


def _reading_like(sources: Sequence[Source], given: Sequence[str]) -> tuple[Source, ...]:
    paths = [checked_location(path) for path in given]
    if len(sources) == len(paths) > 1:
        return tuple(
            _source((path,), **{**_how(entry), "name": entry.origin})
            for entry, path in zip(sources, paths, strict=True)
        )
    return (_source(paths, **(_how(sources[0]) if len(sources) == 1 else {})),)


def _how(entry: Source) -> dict[str, object]:
    return entry.model_dump(include={"text_key", "media_root", "allow_outside", "allow_urls", "format", "language"})


def configured_sources(key: str, sources: Sequence[Source]) -> tuple[Source, ...]:
    """Return the entry of `sources.yaml` under a key, empty if there is none; plain paths are read like `sources`."""
    path = settings.sources_file()
    value = read_yaml(path).get(key) if path is not None and path.exists() else None
    if value is None:
        return ()
    if isinstance(value, str):
        return _reading_like(sources, [value])
    if isinstance(value, list) and value and all(isinstance(entry, str) for entry in value):
        return _reading_like(sources, value)
    try:
        return AssetBlock(subset="any", group="any", source=value).source
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"]
        raise RecipeError(str(path), f"must be paths or sources ({problem})", key=key) from None


def _source(paths: Sequence[str], **how: Any) -> Source:  # noqa: ANN401 - the keys of a source
    """Return paths as a source. A URL with credentials is refused here: an error of Pydantic would repeat it."""
    return Source(**how, paths=tuple(checked_location(path) for path in paths))


def refined_sources(recipe: Recipe) -> tuple[str, ...]:
    """Return the names of the refined subsets among a subset's sources; empty if its source is not known yet."""
    try:
        return tuple(source.subset for source in sources_of(recipe) if source.subset)
    except RecipeError:
        return ()


def refined_references(recipe: Recipe) -> tuple[str, ...]:
    """Return the names of the refined subsets that a subset is deduplicated against."""
    try:
        return tuple(source.subset for source in _references(recipe) if source.subset)
    except RecipeError:
        return ()


def _upstream_first(recipes: dict[str, GalleryRecipe], broken: dict[Path, RecipeError]) -> dict[str, GalleryRecipe]:
    """Return the recipes, each after the recipes of its sources; add those that cannot be ordered to `broken`."""
    ordered: dict[str, GalleryRecipe] = {}
    for name, recipe in recipes.items():
        try:
            _place(name, (), recipes, ordered)
        except RecipeError as error:
            broken[Path(recipe.file)] = replace(error, file=recipe.file)
    return ordered


def _place(
    name: str, waiting: tuple[str, ...], recipes: dict[str, GalleryRecipe], ordered: dict[str, GalleryRecipe]
) -> None:
    """Add a recipe after its sources, recursively; `waiting` are the subsets whose sources are being added."""
    if name in ordered:
        return
    way = (*waiting, name)
    recipe = recipes[name]
    needed = [("source", source) for source in refined_sources(recipe)]
    for role, source in [*needed, *(("against", source) for source in refined_references(recipe))]:
        if source in way:
            raise _unusable(recipe, role, f"is made of itself: {' <- '.join((*way, source))}")
        if source not in recipes:
            near = nearest(source, sorted(set(recipes) - {name}))
            raise _unusable(recipe, role, f"no recipe refines {source!r}", f"did you mean {near!r}?" if near else None)
        _place(source, way, recipes, ordered)
    ordered[name] = recipe


def _unusable(recipe: Recipe, role: str, problem: str, fix: str | None = None) -> RecipeError:
    return RecipeError(recipe.file, problem, key=f"asset.{role}.subset", fix=fix)


def _recipe_files(folders: tuple[Path, ...] | None) -> list[Path]:
    return [
        path
        for folder in (settings.recipe_folders() if folders is None else folders)
        for path in ([folder] if folder.is_file() else sorted((*folder.rglob("*.yaml"), *folder.rglob("*.yml"))))
        # the file of a mixture is no recipe
        if not path.name.endswith(SUFFIX)
    ]


def _identifier(text: str) -> str:
    name = re.sub(r"[^a-z0-9_]+", "_", text.lower()).strip("_")
    return name if name[:1].isalpha() else f"x_{name}"
