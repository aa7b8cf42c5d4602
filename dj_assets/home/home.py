"""The data home: one folder a subset, on a disk or in an object store."""

from __future__ import annotations

from pathlib import Path

import filelock

from dj_assets import settings
from dj_assets.errors import UserError
from dj_assets.home.layout import Layout
from dj_assets.stores.copies import open_copy
from dj_assets.stores.working_copy import WorkingCopy
from dj_assets.urls import is_url, url_of


def home_layout(subset: str) -> Layout:
    """Return the layout of a subset in the data home; of one in an object store, its working copy, up to date.

    Raises
    ------
    UserError
        If the store refuses.
    StoreError
        If it does not answer.
    """
    return layout_in(settings.data_home(), subset)


def layout_in(home: Path, subset: str) -> Layout:
    """Return the layout of a subset in the folder of a data home, which may be that of working copies."""
    url = url_of(home)
    return refreshed(Layout.at(f"{url}/{subset}")) if url else Layout.home(home / subset)


def output_layout(location: str | Path) -> Layout:
    """Return the layout of an output folder of `dj-assets run`, or of one in an object store its working copy."""
    if not is_url(location):
        return Layout.output(Path(location).resolve())
    return refreshed(Layout.output(open_copy(str(location)).folder))


def named_folder(name: str) -> Path:
    """Return the folder that a command means: an output folder, by path or URL, else that of a subset of the home."""
    if is_url(name):
        return output_layout(name).published
    return Path.cwd() / name if Path(name).is_dir() else home_layout(name).published


def refreshed(layout: Layout) -> Layout:
    """Pull what is new in the store, where no run on this machine is at work in the copy: it has pulled before."""
    copy = layout.copy
    if copy is not None:
        layout.lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            with filelock.FileLock(layout.lock).acquire(timeout=0):
                copy.pull()
        except filelock.Timeout:
            return layout
    return layout


def require_local(subset: str, what: str) -> None:
    """Raise where the data home is in an object store and something works in a folder alone.

    Raises
    ------
    UserError
        Saying what to do instead.
    """
    url = settings.home_url()
    if url is not None:
        raise UserError(
            f"{what} works in a local data home, not in {url}; fetch the subset with 'dj-assets fetch {subset} "
            "--output DIR', or set DJ_HOME to a folder"
        )


def copies_below_home() -> list[WorkingCopy]:
    """Return the working copies of all subsets that a data home in an object store holds, pulled."""
    from dj_assets.stores.store import Store

    url = settings.home_url()
    if url is None:
        return []
    names = sorted({key.partition("/")[0] for key in Store.at(url).listing() if "/" in key})
    copies = [home_layout(name).copy for name in names]
    return [copy for copy in copies if copy is not None]
