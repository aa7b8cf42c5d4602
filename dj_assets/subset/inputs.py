"""The files of a subset and of the reference set that it is deduplicated against."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dj_assets import settings
from dj_assets.errors import UserError
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.recipe.gallery import find_gallery, reading_like, reference_sources, sources_of
from dj_assets.recipe.model import Recipe, Source
from dj_assets.sources.sources import SourceFile
from dj_assets.stores.path import SourcePath
from dj_assets.subset.entries import NotRefinedError, source_files
from dj_assets.urls import from_here


def files_of(
    recipe: Recipe, inputs: Sequence[str | Path] | None = None, left_out: list[SourcePath] | None = None
) -> tuple[SourceFile, ...]:
    """Return the files of a subset: of its source as configured, or of other inputs that are read like it.

    Inputs are relative to the current folder. Files of folders that are not read are added to `left_out`.

    Raises
    ------
    UserError
        If they cannot be found; a refined subset that is not there yet is named as an asset.
    """
    sources = sources_of(recipe) if inputs is None else reading_like(recipe, [str(from_here(path)) for path in inputs])
    return _found(recipe, sources, "source", left_out)


def against_of(
    recipe: Recipe,
    files: Sequence[SourceFile],
    paths: Sequence[str | Path] | None = None,
    left_out: list[SourcePath] | None = None,
    text_key: str | None = None,
) -> tuple[SourceFile, ...]:
    """Return the files of the reference set that a subset of `files` is deduplicated against.

    They are those of the recipe, or of other paths, relative to the current folder and read as plain files.

    Raises
    ------
    UserError
        If they cannot be found, if the recipe has no deduplicator, or if a file is refined, too.
    """
    given = None if paths is None else [str(from_here(path)) for path in paths]
    sources = reference_sources(recipe, given, text_key)
    reference = _found(recipe, sources, "reference set", left_out) if sources else ()
    source_paths = {file.path.resolve() for file in files}
    for file in reference:
        if file.path.resolve() in source_paths:
            raise UserError(f"{file.path}: is refined and deduplicated against; all of its samples would be dropped")
    return reference


def _media_base(recipe: Recipe) -> Path:
    """Return the folder of a relative `media_root`: that of one's own recipe, the project for the gallery's recipes."""
    path = Path(recipe.file).absolute()
    in_gallery = any(path.is_relative_to(folder.absolute()) for folder in settings.recipe_folders())
    return path.parent if path.is_file() and not in_gallery else settings.base_folder()


def _found(
    recipe: Recipe, sources: Sequence[Source], role: str, left_out: list[SourcePath] | None
) -> tuple[SourceFile, ...]:
    base = settings.base_folder()
    # without a project, there is a data home only if a source is in it
    home = settings.data_home() if any(source.subset for source in sources) else base
    try:
        reads_media = any(isinstance(operator, MediaOperator) for operator in recipe.process)
        return source_files(
            sources, base, home, media_base=_media_base(recipe), left_out=left_out, reads_media=reads_media
        )
    except NotRefinedError as error:
        upstream = find_gallery().recipes.get(error.subset)
        name = upstream.name if upstream else error.subset
        raise UserError(f"{recipe.name}: its {role} {name} is not there yet; materialize {name} first") from None
