"""Publish atomically: a new version is written completely to a staging folder, then moved to the target."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = ".*.tmp"
_STAGING = ".staging"
_READY = "READY"
# The database is moved first and the manifest last. While both name the same run, all files are of that run.
_FIRST, _LAST = ".duckdb", "run.json"
# A temporary file of another machine is removed after this time without a write.
_FORSAKEN_S = 24 * 3600


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Yield a staging folder for a new version; move its entries into `target` when the block ends without an error.

    Once every entry is written and synced, a marker makes the new version final. If the process is killed before, the
    old version stays; if it is killed after, the next `recover` completes the move.
    """
    recover(target)
    staging = target / _STAGING
    staging.mkdir(parents=True)
    try:
        yield staging
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    _sync(staging)
    _write_marker(staging / _READY)
    _move_into_place(staging, target)


def recover(target: Path) -> None:
    """Finish or remove the staging folder that a killed process left in `target`."""
    staging = target / _STAGING
    if not staging.exists():
        return
    if (staging / _READY).exists():
        _move_into_place(staging, target)
    else:
        shutil.rmtree(staging)


def temporary_beside(path: Path) -> Path:
    """Return the temporary path under which this process writes the file `path`."""
    return path.with_name(f".{path.name}.{os.getpid()}@{_machine()}.tmp")


def write_synced(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all, also after a loss of power; its folder is made if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    try:
        temporary.write_bytes(content)
        sync_path(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(work: Path) -> None:
    """Remove the temporary files of killed processes; living processes still write to theirs.

    The state of processes on other machines is unknown: their files are removed when they are a day old.
    """
    for path in (*work.glob(TEMPORARY), *work.glob(f"*/{TEMPORARY}"), *work.glob(f"counted/**/{TEMPORARY}")):
        if is_leftover(path):
            path.unlink(missing_ok=True)


def is_leftover(path: Path) -> bool:
    """Return whether a temporary file was left by a killed process, as far as can be known."""
    writer, _, machine = path.name.split(".")[-2].partition("@")
    return _is_forsaken(path) if machine and machine != _machine() else not _lives(writer)


def _machine() -> str:
    return platform.node().replace(".", "-")


def _lives(writer: str) -> bool:
    import psutil

    return writer.isdigit() and psutil.pid_exists(int(writer))


def _is_forsaken(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _FORSAKEN_S
    except FileNotFoundError:
        return False


def _move_into_place(staging: Path, target: Path) -> None:
    retired = staging / "retired"
    retired.mkdir(exist_ok=True)
    for entry in sorted(staging.iterdir(), key=_order):
        if entry.name in {_READY, retired.name}:
            continue
        path = target / entry.name
        if path.is_dir() and not (retired / entry.name).exists():
            path.rename(retired / entry.name)
        entry.replace(path)
    shutil.rmtree(staging)


def _order(entry: Path) -> tuple[bool, bool, str]:
    return entry.name == _LAST, entry.suffix != _FIRST, entry.name


def _write_marker(path: Path) -> None:
    path.touch()
    sync_path(path)
    sync_path(path.parent)


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            sync_path(path)


def sync_path(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
