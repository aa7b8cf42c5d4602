"""The media files that the operators of a subset made: those that its samples list, and those that none lists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from dj_assets.errors import DamagedError
from dj_assets.home.disk_usage import Surplus
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import FileManifest, stored_manifest
from dj_assets.measure.media_files import MEDIA, media_files
from dj_assets.media.made import FOLDER, name_of, path_in_folder
from dj_assets.stores.made_media import MadeMedia


def listed(layout: Layout, manifest: FileManifest) -> dict[str, int]:
    """Return the bytes of every made file that the samples of a measured file list, by its name."""
    if not manifest.media:
        return {}
    table = pq.read_table(layout.fetched("signatures", manifest.number), columns=[MEDIA])
    return {
        name: file.size or 0 for name, file in media_files(table[MEDIA]).items() if path_in_folder(name) is not None
    }


def unlisted(layout: Layout) -> Iterator[Surplus]:
    """Yield the made files on this machine that no sample lists any more, and the records of such files."""
    folder = layout.published / FOLDER
    if not folder.is_dir():
        return
    numbers = [int(path.stem) for path in layout.manifest(0).parent.glob("[0-9]*.json")]
    manifests = [manifest for number in numbers if (manifest := stored_manifest(layout, number)) is not None]
    wanted = {name for manifest in manifests for name in listed(layout, manifest)}
    for path in sorted(folder.glob("*/[!.]*")):
        if path.relative_to(layout.published).as_posix() not in wanted:
            yield Surplus.at(path, "made of media, and listed by no sample any more")
    made = MadeMedia(str(folder))
    for path in sorted(folder.glob("*/.*.json")):
        names = made.recorded(path.stem.removeprefix("."))
        if names is None or not wanted.issuperset(names):
            yield Surplus.at(path, "the record of media that were made, and are listed by no sample any more")


def require_made(layout: Layout, name: str) -> None:
    """Compare a made file with its name, which is a checksum; remove it if it differs: the next run makes it again.

    Raises
    ------
    DamagedError
        If it differs, or is gone.
    """
    path = layout.published / name
    problem = "is missing"
    if path.is_file():
        if name_of(path.read_bytes(), path.suffix) == name:
            return
        problem = "is damaged"
        _remove(path)
    raise DamagedError(f"{path}: {problem}; run the subset again: it is made again")


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        # who only reads the data home may not be able to
        return
