"""Committing a measured source file: its measured files, then its manifest; then both in an object store."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

from dj_assets.home.damage import Sum
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import FileManifest
from dj_assets.home.writing import replace_atomically
from dj_assets.stores.store import each

Commit = Callable[[], AbstractContextManager[object]]
# Size and CRC-32 of the measured files, by their kind.
Sums = dict[str, tuple[int, int | None]]


def commit_file(
    manifest: FileManifest,
    layout: Layout,
    put_into_place: Callable[[], Sums],
    commit: Commit,
) -> FileManifest:
    """Put the measured files of a source file into place; the manifest, written last, says that they are there.

    Of a working copy they are pushed then: a process that is killed meanwhile leaves a file that is measured, and that
    the next run pushes.

    Parameters
    ----------
    put_into_place
        Returns size and CRC-32 of each file, by its kind.
    commit
        Earlier measured files are replaced within this context, since other runs might read them. Uploads are done
        outside of it, the manifest is pushed within.
    """
    with commit():
        layout.manifest(manifest.number).unlink(missing_ok=True)
        committed = replace(manifest, files=put_into_place())
        committed.write(layout)
    copy = layout.copy
    if copy is not None:
        document = layout.manifest(manifest.number).relative_to(copy.folder).as_posix()
        paths = [layout.measured(kind, manifest.number) for kind in committed.files]
        each(lambda path: copy.upload(path, path.relative_to(copy.folder).as_posix(), document), paths)
        with commit():
            copy.push_document(document)
    return committed


def commit_files(
    manifest: FileManifest,
    layout: Layout,
    files: Mapping[str, Path],
    commit: Commit = nullcontext,
    sums: Sums | None = None,
) -> FileManifest:
    """Commit a source file whose measured files are finished in any folder of this machine.

    Parameters
    ----------
    layout
        Where to: `Layout.at` opens that of a folder or a URL.
    files
        A file for each kind of the layout. They are moved away, or copied from another disk.
    sums
        Size and CRC-32 of the files, where whoever wrote them knows; else they are read.
    """
    return commit_file(manifest, layout, partial(_moved, layout, manifest.number, files, sums), commit)


def _moved(layout: Layout, number: int, files: Mapping[str, Path], known: Sums | None) -> Sums:
    sums = known or {kind: _sum_of(path) for kind, path in files.items()}
    for kind, path in files.items():
        with replace_atomically(layout.measured(kind, number)) as temporary:
            shutil.move(path, temporary)
    return sums


def _sum_of(path: Path) -> tuple[int, int | None]:
    written = Sum.of(path)
    return written.bytes, written.crc32
