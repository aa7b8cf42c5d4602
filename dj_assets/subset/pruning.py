"""Housekeeping over the data home: what every subset takes, what can go, and taking it away."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import filelock

from dj_assets import settings
from dj_assets.errors import DjError, UserError
from dj_assets.home.disk import disk_faults
from dj_assets.home.disk_usage import KEEP_RUNS, Surplus, disk_usage, surplus
from dj_assets.home.home import copies_below_home
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import published_run
from dj_assets.recipe.gallery import Gallery, find_gallery
from dj_assets.recipe.plan import Plan, make_plan
from dj_assets.stores.documents import is_document
from dj_assets.stores.path import ObjectPath
from dj_assets.stores.working_copy import WorkingCopy
from dj_assets.subset.locks import whole_subset
from dj_assets.subset.made_media import unlisted

# Data are pushed before the document that names them: this long they may belong to a run that is at work.
WRITING_S = 24 * 3600

# Entries by which a folder of the data home is recognized as a subset's.
_MARKS = ("runs", "shards", "stats.duckdb", "cleaned")


@dataclass(frozen=True)
class Housekeeping:
    """One subset: what it takes by kind, and what of it can go. `busy` says that a run is at work: it is left alone."""

    name: str
    folder: Path
    bytes: dict[str, int]
    surplus: list[Surplus] = field(default_factory=list)
    busy: bool = False

    @property
    def total(self) -> int:
        """All bytes of the subset."""
        return sum(self.bytes.values())

    @property
    def spare(self) -> int:
        """The bytes that can go."""
        return sum(file.bytes for file in self.surplus)


def housekeeping(
    names: tuple[str, ...] = (), keep_runs: int = KEEP_RUNS, *, delete: bool = False
) -> list[Housekeeping]:
    """Look through the folders of all subsets, or of some; with `delete`, remove what can go.

    A subset of a running run is reported and not changed: its lock is held while files are listed and removed.

    Raises
    ------
    UserError
        If there is no subset of a name.
    """
    gallery, home = find_gallery(), settings.data_home()
    if settings.home_url() is not None:
        copies = [copy for copy in copies_below_home() if not names or copy.folder.name in names]
        _require_known(names, [copy.folder.name for copy in copies], home)
        return [_keep_store(copy, gallery, keep_runs, delete=delete) for copy in copies]
    _require_known(names, [name for name in names if _is_subset(home / name)], home)
    folders = [home / name for name in names] if names else sorted(home.iterdir()) if home.is_dir() else []
    return [_keep_house(folder, gallery, keep_runs, delete=delete) for folder in folders if _is_subset(folder)]


def _keep_house(folder: Path, gallery: Gallery, keep_runs: int, *, delete: bool) -> Housekeeping:
    layout = Layout.home(folder)
    with _alone(layout) as free, disk_faults(folder):
        spare = [*_surplus(layout, gallery, keep_runs), *unlisted(layout)] if free else []
        done = Housekeeping(folder.name, folder, disk_usage(layout), spare, busy=not free)
        if delete:
            for file in spare:
                _remove(file.path)
    return done


def _require_known(names: Sequence[str], known: Sequence[str], home: Path) -> None:
    for name in names:
        if name not in known:
            location = settings.home_url() or home
            raise UserError(f"{name}: the data home {location} has no such subset; without a name all are listed")


def _keep_store(copy: WorkingCopy, gallery: Gallery, keep_runs: int, *, delete: bool) -> Housekeeping:
    """Look through a subset in an object store; data that no document names go when nobody can be writing them."""
    name, root = copy.folder.name, ObjectPath.of(copy.store.url)
    try:
        with whole_subset(Layout.home(copy.folder)):
            spare_files = [
                file for file in _surplus(Layout.home(copy.folder), gallery, keep_runs) if isinstance(file.path, Path)
            ]
            listed = [file.path.relative_to(copy.folder).as_posix() for file in spare_files]
            gone = {document: file for document, file in zip(listed, spare_files, strict=True) if is_document(document)}
            unnamed = copy.unnamed(time.time_ns() - WRITING_S * 1_000_000_000)
            spare = [Surplus(root / document, file.why, file.bytes) for document, file in gone.items()]
            spare += [Surplus(root / key, "no manifest names it any more", size) for key, size in unnamed.items()]
            if delete:
                for document in gone:
                    copy.remove_document(document)
                copy.remove(unnamed)
    except UserError:
        return Housekeeping(name, copy.folder, copy.sizes(), busy=True)
    return Housekeeping(name, copy.folder, copy.sizes(), spare)


def _surplus(layout: Layout, gallery: Gallery, keep_runs: int) -> list[Surplus]:
    name = layout.published.name
    if name in gallery.recipes:
        return surplus(layout, _plan(gallery, name), keep_runs)
    if any(file.stem == name for file in gallery.broken):
        return surplus(layout, None, keep_runs)
    newest = published_run(layout)
    if newest is not None and newest.mix:
        # its file may be outside of the recipe folders
        is_wanted = name in gallery.mixes or Path(newest.recipe).exists()
        gone = "the file of this mixture is gone"
        return surplus(layout, None, keep_runs) if is_wanted else [Surplus.at(layout.published, gone)]
    return [Surplus.at(layout.published, "no recipe has this subset any more")]


def _plan(gallery: Gallery, name: str) -> Plan | None:
    try:
        return make_plan(gallery.recipes[name])
    except DjError:
        return None


def _is_subset(folder: Path) -> bool:
    return folder.is_dir() and any((folder / mark).exists() for mark in _MARKS)


def _remove(path: PurePath) -> None:
    path = Path(path)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _alone(layout: Layout) -> Iterator[bool]:
    """Hold all locks of a subset, where no run has one of them; yield whether that is so."""
    locks = [layout.lock, *sorted((layout.work / "locks").glob("*.lock"))]
    with ExitStack() as held:
        try:
            for path in locks:
                held.enter_context(filelock.FileLock(path).acquire(timeout=0))
        except filelock.Timeout:
            yield False
        else:
            yield True
