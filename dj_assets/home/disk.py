"""Space on the disk: how much a subset will take, and errors of the disk reported in one line."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from dj_assets.errors import DiskError
from dj_assets.recipe.plan import Plan
from dj_assets.sources.sources import SourceFile

# Rough sizes against the (decompressed) input, measured on web text; zstd takes its share.
TEXT_SHARE = 0.4
EXPANSION = {"gz": 3.5, "zst": 4.0, None: 1.0}
_BYTES_A_STATISTIC = 8
_BYTES_A_SAMPLE_OF_TEXT = 2500
# The minimum for a few samples: a DuckDB file is never small.
_LEAST_BYTES = 2_000_000
# Less than this share of what is expected is surely too little; the estimate itself may be twice too high.
_SURELY_NEEDED = 0.5

# A run that ended has freed those of its temporary files.
_FEW_INODES = 100

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}
_GONE = {errno.ENOENT, errno.ENOTDIR}


def text_bytes(files: Sequence[SourceFile]) -> int:
    """Return about how many bytes the files hold once they are unpacked."""
    return int(sum(file.size * EXPANSION[file.compression] for file in files))


def statistics_bytes(plan: Plan, files: Sequence[SourceFile]) -> int:
    """Return about what the statistics and signatures of the files take."""
    columns = len(plan.stat_columns) + len(plan.deduplicators)
    return int(text_bytes(files) / _BYTES_A_SAMPLE_OF_TEXT * columns * _BYTES_A_STATISTIC)


def expected_bytes(plan: Plan, files: Sequence[SourceFile]) -> int:
    """Return about how much disk the files take in all: cleaned and refined texts, statistics and their database."""
    return _LEAST_BYTES + int(2 * TEXT_SHARE * text_bytes(files)) + 2 * statistics_bytes(plan, files)


def require_room(folder: Path, plan: Plan, files: Sequence[SourceFile]) -> None:
    """Raise where the disk surely cannot hold what is still to be written for some files.

    Raises
    ------
    DiskError
        Saying how much is needed, how much is there, and what can be done.
    """
    expected, free = expected_bytes(plan, files), free_bytes(folder)
    if free < _SURELY_NEEDED * expected:
        raise DiskError(_too_little(folder, f"about {_mb(expected)} more are needed", free))


def free_bytes(folder: Path) -> int:
    """Return what is free on the disk of a folder, which need not exist yet."""
    return shutil.disk_usage(_existing(folder)).free


def _free_inodes(folder: Path) -> int:
    """Return how many more files the file system of a folder takes; enough where their number has no limit."""
    if not hasattr(os, "statvfs"):
        return _FEW_INODES
    system = os.statvfs(_existing(folder))
    return system.f_favail if system.f_files else _FEW_INODES


def _existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


@contextmanager
def disk_faults(folder: Path, expected: Callable[[], int] | None = None) -> Iterator[None]:
    """Turn a full or read-only disk, or a folder that is gone, into one line that names the place and the cure.

    `expected` is what a run takes in all.

    Raises
    ------
    DiskError
        For such a fault of the block; every other error passes.
    """
    try:
        yield
    except (OSError, duckdb.Error) as error:
        number = _number(error)
        if number in _FULL:
            needed = f"it takes about {_mb(expected())} in all" if expected else "there is no room for more"
            if number == errno.ENOSPC and _free_inodes(folder) < _FEW_INODES:
                needed = "it has almost no inodes left, so it takes no more files"
            raise DiskError(_too_little(folder, needed, free_bytes(folder))) from error
        if number in _READ_ONLY and not isinstance(error, duckdb.Error):
            raise DiskError(
                f"{error.filename or folder}: cannot be written ({_reason(error)}); make it writable, or name another "
                "folder with DJ_HOME or --output"
            ) from error
        if number in _GONE and not isinstance(error, duckdb.Error) and _is_gone(error, folder):
            raise DiskError(
                f"{folder}: cannot be written ({_reason(error)}: {_named(error)}); if it was removed during the run, "
                "run it again, else name another folder with DJ_HOME or --output"
            ) from error
        raise


def is_full(error: OSError | duckdb.Error) -> bool:
    """Return whether an error says that a file could not be written because a disk or a quota is full."""
    return _number(error) in _FULL


def _is_gone(error: OSError, folder: Path) -> bool:
    """Return whether a folder, or one inside of it that an error is about, is not there."""
    named = _named(error)
    if not isinstance(named, str | Path):
        return False
    path = Path(named)
    inside = path.is_relative_to(folder) and not path.parent.is_dir()
    return inside or (not folder.is_dir() and (path.is_relative_to(folder) or folder.is_relative_to(path)))


def _named(error: OSError) -> object:
    """Return the path that an error is about, None if it names none; Arrow gives it as the only argument."""
    return error.args[0] if error.errno is None and len(error.args) == 1 else error.filename


def _number(error: BaseException) -> int | None:
    """Return the number of a system error, also where a library only tells it in words."""
    number = getattr(error, "errno", None)
    if isinstance(number, int):
        return number
    if isinstance(error, FileNotFoundError):
        return errno.ENOENT
    said = str(error)
    return errno.ENOSPC if "No space left on device" in said else errno.EFBIG if "File too large" in said else None


def _reason(error: OSError) -> str:
    return error.strerror or ("no such file" if isinstance(error, FileNotFoundError) else str(error))


def _too_little(folder: Path, needed: str, free: int) -> str:
    return (
        f"{folder}: the disk is full: {needed}, {_mb(free)} are free; what was published stays as it is. Make room "
        "('dj-assets prune' shows what can go) or name another disk with DJ_HOME or --output, then run it again"
    )


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size < 1e7 else f"{size / 1e6:,.0f} MB"
