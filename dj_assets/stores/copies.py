"""Access to working copies: find the copy of a path, and fetch files from its store."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dj_assets.stores import document_records
from dj_assets.stores.store import Store
from dj_assets.stores.working_copy import WorkingCopy
from dj_assets.urls import copy_folder, url_of

_open: dict[Path, WorkingCopy] = {}


def open_copy(url: str) -> WorkingCopy:
    """Return the working copy of a URL; its folder is created if it is missing.

    Raises
    ------
    UserError
        If the URL cannot be used.
    """
    folder = copy_folder(url)
    (folder / document_records.FOLDER).mkdir(parents=True, exist_ok=True)
    return _open.setdefault(folder, WorkingCopy(folder, Store.at(url)))


def copy_of(path: Path) -> WorkingCopy | None:
    """Return the working copy that contains a file or folder; None if there is none."""
    if url_of(path) is None:
        return None
    root = next((folder for folder in (path, *path.parents) if (folder / document_records.FOLDER).is_dir()), None)
    url = url_of(root) if root else None
    return open_copy(url) if url else None


def is_stored(path: Path, size: int | None = None) -> bool:
    """Return whether a file of a working copy is in the store, in its full length; False for all other files."""
    copy = copy_of(path)
    return copy is not None and copy.is_stored(path, size)


def is_there(path: Path) -> bool:
    """Return whether a file is on this machine, or in the store of its working copy."""
    return path.exists() or is_stored(path)


def fetched_anew(path: Path) -> bool:
    """Replace a local file of a working copy by the one in the store; return whether the store has it."""
    copy = copy_of(path)
    if copy is None or copy.stored(path) is None:
        return False
    path.unlink(missing_ok=True)
    copy.fetch([path])
    return True


def at_hand(path: Path) -> Path:
    """Return a path; in a working copy, fetch its file first if it is missing here and the store has it."""
    if not path.exists() and (copy := copy_of(path)) is not None:
        copy.fetch([path])
    return path


def all_at_hand(paths: Iterable[Path]) -> list[Path]:
    """Return paths; fetch the missing files of working copies, several at a time."""
    listed = list(paths)
    missing = [path for path in listed if url_of(path) is not None and not path.exists()]
    if missing and (copy := copy_of(missing[0])) is not None:
        copy.fetch(missing)
    return listed
