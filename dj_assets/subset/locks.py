"""Who may work in a subset's folder: many at its shards, one at what they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import filelock

from dj_assets.errors import UserError
from dj_assets.home.disk import disk_faults
from dj_assets.home.layout import Layout
from dj_assets.media.made import FOLDER
from dj_assets.stores import generations
from dj_assets.stores.atomic import recover, remove_leftovers
from dj_assets.stores.lease import leased

# The commit of a shard's files waits for a deduplicate step or a release that is under way.
COMMIT_PATIENCE_S = 3600.0


@contextmanager
def whole_subset(layout: Layout, patience_s: float = 0, expected: Callable[[], int] | None = None) -> Iterator[None]:
    """Work at what all shards share, alone; finish or remove first what a killed process left.

    Raises
    ------
    UserError
        If another run is at work there for longer than `patience_s`.
    DiskError
        If the disk is full or cannot be written; `expected` tells how many bytes the subset takes in all.
    """
    with (
        disk_faults(layout.published, expected),
        _held(layout.lock, layout.location, patience_s),
        _pushing(layout, patience_s),
    ):
        recover(layout.published)
        remove_leftovers(layout.work)
        remove_leftovers(layout.published / FOLDER)
        remove_leftovers(layout.published / generations.FOLDER)
        yield


@contextmanager
def putting_into_place(layout: Layout, patience_s: float = 0) -> Iterator[None]:
    """Put measured files into place while nobody on this machine reads or pushes them.

    Other machines need not wait: in an object store a manifest names files of its own.

    Raises
    ------
    UserError
        If another run is at work there for longer than `patience_s`.
    """
    with disk_faults(layout.published), _held(layout.lock, layout.location, patience_s):
        yield


@contextmanager
def one_shard(
    layout: Layout, name: str, patience_s: float = 0, expected: Callable[[], int] | None = None
) -> Iterator[None]:
    """Work at one shard of a sharded subset, alone; others may work at other shards.

    Raises
    ------
    UserError
        If another run is at work there for longer than `patience_s`.
    DiskError
        If the disk is full or cannot be written; `expected` tells how many bytes the subset takes in all.
    """
    with (
        disk_faults(layout.published, expected),
        _held(layout.shard_lock(name), f"{layout.location}, shard {name}", patience_s),
        _leased(layout, f"shard-{name}", patience_s),
    ):
        yield


@contextmanager
def _pushing(layout: Layout, patience_s: float) -> Iterator[None]:
    """Of a working copy, hold the lease of what all shards share, pull before the work, and push what it made."""
    copy = layout.copy
    if copy is None:
        yield
        return
    with leased(copy.store, "subset", patience_s) as lease:
        recover(layout.published)
        copy.pull()
        yield
        lease.require()
        copy.push()


@contextmanager
def _leased(layout: Layout, name: str, patience_s: float) -> Iterator[None]:
    """Of a working copy, hold a lease, which tells the runs on other machines."""
    with leased(layout.copy.store, name, patience_s) if layout.copy else nullcontext():
        yield


@contextmanager
def _held(path: Path, location: str, patience_s: float) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=patience_s)
    except filelock.Timeout:
        raise UserError(f"{location}: another run is at work there; wait for it or stop it") from None
    try:
        yield
    finally:
        lock.release()
