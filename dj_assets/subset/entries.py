"""The sources that a recipe names become an ordered list of files, each with how it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from dj_assets.errors import SourceError
from dj_assets.home.home import layout_in
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run
from dj_assets.media.locations import Root
from dj_assets.media.made import FOLDER
from dj_assets.recipe.model import Source
from dj_assets.sources.formats.registry import RAW_FORMATS
from dj_assets.sources.sources import PLAIN, Reading, SourceFile, full_name, resolve
from dj_assets.stores.copies import all_at_hand
from dj_assets.stores.path import SourcePath
from dj_assets.urls import checked_url, is_url


class NotRefinedError(SourceError):
    """A refined subset is to be read that nobody has made yet."""

    def __init__(self, subset: str) -> None:
        super().__init__(f"the source {subset!r} is a refined subset that is not there yet; materialize {subset} first")
        self.subset = subset


def source_files(
    entries: Sequence[Source],
    base: Path,
    data_home: Path,
    *,
    media_base: Path | None = None,
    left_out: list[SourcePath] | None = None,
    reads_media: bool = False,
) -> tuple[SourceFile, ...]:
    """Return the files of all sources in the order given.

    Parameters
    ----------
    entries
        The sources. Where there are several, their samples carry their origin.
    base
        The folder that relative paths start from.
    data_home
        The folder of refined subsets.
    media_base
        The folder that relative paths of media roots start from; default is `base`.
    left_out
        A list to which the files of folders are added that are not read.
    reads_media
        True if operators read media: those that a refined subset passes on are looked up where its source has them.

    Raises
    ------
    NotRefinedError
        For a subset that is not there.
    SourceError
        For paths that cannot be read, or a file named twice.
    """
    named: dict[SourcePath, str] = {}
    files = []
    for entry in entries:
        passed_on = _passed_on(entry.subset, data_home) if entry.subset and reads_media else ""
        there = entry.model_copy(update={"media_root": passed_on}) if passed_on and entry.media_root is None else entry
        for file in _files(there, base, data_home, media_base or base, left_out):
            name = full_name(file.path)
            if name in named:
                raise SourceError(f"{file.path}: belongs to the sources {named[name]} and {entry.origin}; name it once")
            named[name] = entry.origin
            files.append(replace(file, reading=replace(file.reading, origin=entry.origin)) if entries[1:] else file)
    return tuple(files)


def _files(
    entry: Source, base: Path, data_home: Path, media_base: Path, left_out: list[SourcePath] | None
) -> Iterator[SourceFile]:
    plain = Reading(text_key=entry.text_key)
    made_before = _made_before(entry.subset, data_home) if entry.subset else ""
    if entry.format is None:
        paths = _refined(entry.subset, data_home) if entry.subset else resolve(entry.paths, base, left_out=left_out)
        for file in paths:
            # the format of a crawl comes with its files
            own = plain if file.reading.format is None else file.reading
            yield replace(file, reading=replace(own, media_root=_media_root(entry, file, media_base, made_before)))
        return
    patterns = RAW_FORMATS[entry.format].files
    for file in resolve(entry.paths, base, (*patterns, *PLAIN), patterns, left_out):
        name = "/".join(file.path.resolve().parts[-2:])
        root = _media_root(entry, file, media_base, made_before)
        raw = replace(plain, format=entry.format, language=entry.language, place=name)
        # other files than the format's hold samples already, or come with their own format
        own = plain if file.reading.format is None else file.reading
        yield replace(file, reading=replace(raw if file.format in patterns else own, media_root=root))


def _media_root(entry: Source, file: SourceFile, base: Path, made_before: str) -> Root:
    """Return the root of relative media paths of a file: the folder that the source names, else that of the file."""
    # an archive holds its media itself
    elsewhere = entry.media_root if file.format != "tar" else None
    if elsewhere and is_url(elsewhere):
        return Root(checked_url(elsewhere), entry.allow_outside, entry.allow_urls, made_before=made_before)
    # the files of a data set of Lance are in a folder of its own folder
    beside = file.path.parents[2] if file.format == "lance" else file.path.parent
    named = base / Path(elsewhere).expanduser() if elsewhere else beside
    return Root(str(named.absolute()), entry.allow_outside, entry.allow_urls, made_before=made_before)


def _made_before(subset: str, data_home: Path) -> str:
    """Return the folder of the media that the operators of a refined subset made; empty if they made none.

    A subset that made none may list those of the subset that it was refined from.
    """
    layout = layout_in(data_home, subset)
    there = FOLDER in layout.copy.sizes() if layout.copy else Path(layout.made_media).is_dir()
    if there:
        return layout.made_media
    run = newest_run(layout)
    roots = run.media.roots.values() if run and run.media else ()
    return next((root.made_before for root in roots if root.made_before), "")


def _passed_on(subset: str, data_home: Path) -> str:
    """Return the folder of the media that a refined subset lists as its own source does; empty if there are several.

    If its source is a refined subset, too, the folder is that of the first source.
    """
    run = newest_run(layout_in(data_home, subset))
    folders = {run.media_root(file.number, "").folder for file in run.sources} if run else set()
    if len(folders) != 1:
        return ""
    (folder,) = folders
    earlier = Path(folder).parent.name
    is_refined = Path(folder) == Layout.home(data_home.absolute() / earlier).refined
    return _passed_on(earlier, data_home) if is_refined else folder


def _refined(subset: str, data_home: Path) -> tuple[SourceFile, ...]:
    """Return the published shards of a refined subset."""
    layout = layout_in(data_home, subset)
    run = newest_run(layout)
    parts = [layout.refined / part.name for part in run.refined] if run else []
    if not parts or not all(part.exists() for part in all_at_hand(parts)):
        raise NotRefinedError(subset)
    return tuple(SourceFile.at(part) for part in parts)
