"""Calls that not every operating system has, and the promises of the running system.

Linux keeps all promises, macOS some, Windows none: there, dj_assets runs in WSL. The sandbox of the process that
decodes is in `dj_assets.media.confinement`. Modules of one system are imported inside the functions that use them.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dj_assets.errors import UserError

_SYSTEM = os.name
_PROC = Path("/proc/self")
# The limits of memory of the blocks that threads are in, and the limit of the process outside of them.
_limiting = threading.Lock()
_limits: dict[object, int] = {}
_own_limit: dict[str, int] = {}
_HIGH_WATER = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True)
class Promise:
    """Hold one promise: its subject, whether this system keeps it, and the consequence where it is not kept."""

    subject: str
    kept: bool
    otherwise: str


def promises() -> tuple[Promise, ...]:
    """Return what this system can promise.

    Examples
    --------
    >>> [promise.subject for promise in promises()][:2]
    ['worker processes are forked', 'a decoder has a limit of memory']
    """
    linux = sys.platform == "linux"
    return (
        Promise("worker processes are forked", hasattr(os, "fork"), "nothing runs; on Windows use WSL"),
        Promise("a decoder has a limit of memory", linux, "DJ_MEDIA_MEMORY_MB has no effect"),
        Promise("Parquet is read under a limit of memory", _has_data_limit(), "a hostile file can take all memory"),
        Promise("a file is opened again by its descriptor", reopens_descriptors(), "clips are copied before decoding"),
        Promise("peak memory is that of each process alone", _own_peak() is not None, "it includes that of its parent"),
        Promise(
            "the number of CPUs respects the affinity of the process",
            hasattr(os, "sched_getaffinity"),
            "all CPUs are used without --workers",
        ),
    )


def require_posix() -> None:
    """Make sure that this is no Windows.

    Raises
    ------
    UserError
        If it is.
    """
    if _SYSTEM != "posix":
        raise UserError("dj_assets runs on Linux and macOS; on Windows, install it in WSL (wsl --install)")


def fork() -> int:
    """Fork this process, which must have one thread; return 0 in the child, and its process id in the parent.

    Raises
    ------
    UserError
        If the system cannot.
    """
    require_posix()
    return os.fork()


def peak_rss_mb() -> float:
    """Return the largest resident size so far of this process or of any finished worker, in MB (10^6 bytes)."""
    import resource

    own = _own_peak()
    peak = _peak_of(resource.RUSAGE_SELF) if own is None else own
    return round(max(peak, _peak_of(resource.RUSAGE_CHILDREN)) / 1e6, 1)


def _own_peak() -> int | None:
    """Return the peak in bytes since the program started; `getrusage` counts the parent that it was forked from."""
    status = _PROC / "status"
    match = _HIGH_WATER.search(status.read_text()) if status.exists() else None
    return int(match[1]) * 1024 if match else None


def _peak_of(who: int) -> int:
    """Return the largest resident size in bytes; macOS counts `ru_maxrss` in bytes, Linux and the BSDs in kB."""
    import resource

    peak = resource.getrusage(who).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _has_data_limit() -> bool:
    return (_PROC / "statm").exists()


@contextmanager
def limited_memory(more_bytes: int) -> Iterator[None]:
    """Let this process have at most `more_bytes` more than now within the block; a library then raises `MemoryError`.

    Linux alone has such a limit (`RLIMIT_DATA`); elsewhere there is none. All threads of the process share it: where
    several are in such blocks, the largest limit holds, and the last one that leaves takes it away.
    """
    if not _has_data_limit():
        yield
        return
    with _limiting:
        mine = object()
        _limits[mine] = _statm(5) + more_bytes
        _set_data_limit()
    try:
        yield
    finally:
        with _limiting:
            del _limits[mine]
            _set_data_limit()


def _set_data_limit() -> None:
    """Set the largest limit of those in use; without any, that which the process had."""
    import resource

    now, most = resource.getrlimit(resource.RLIMIT_DATA)
    own = _own_limit.setdefault("bytes", now)
    limits = [limit for limit in (own, most) if limit != resource.RLIM_INFINITY]
    wanted = min([max(_limits.values()), *limits]) if _limits else _own_limit.pop("bytes")
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, most))


def limit_address_space(most_bytes: int) -> None:
    """Limit the address space of this process permanently, and let it write no core files.

    macOS refuses such a limit, so there only core files are forbidden.
    """
    import resource

    if sys.platform != "darwin":
        resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def address_space_bytes() -> int:
    """Return the address space of this process in bytes; 0 if the system does not report it."""
    try:
        return _statm(0)
    except OSError:
        return 0


def _statm(column: int) -> int:
    """Return a column of Linux's table of the memory of this process, in bytes."""
    return int((_PROC / "statm").read_text("ascii").split()[column]) * os.sysconf("SC_PAGE_SIZE")


def allow_open_files(needed: int) -> int | None:
    """Let this process open a number of files; return the limit of the system if that is less, else None."""
    import resource

    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY or allowed >= needed:
        return None
    if most != resource.RLIM_INFINITY and most < needed:
        return allowed
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, most))
    return None


def usable_cpus() -> int:
    """Return the number of CPUs that this process may use, by its affinity where the system has one."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def reopens_descriptors() -> bool:
    """Return whether an open file can be opened again by its descriptor, with a position of its own."""
    return (_PROC / "fd").is_dir()


def descriptor_path(descriptor: int) -> str:
    """Return a path by which libraries open the file of a descriptor."""
    return f"{_PROC}/fd/{descriptor}" if reopens_descriptors() else f"/dev/fd/{descriptor}"
