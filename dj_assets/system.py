"""Calls that not every operating system has, and the promises of the running system.

Linux keeps all promises, macOS some, Windows none: there, dj_assets runs in WSL. The sandbox of the process that
decodes is in `dj_assets.media.confinement`. Modules of one system are imported inside the functions that use them.
"""

from __future__ import annotations

import atexit
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from dj_assets.errors import UserError

_SYSTEM = os.name
_PROC = Path("/proc/self")
# The option of glibc's `mallopt` for the number of heaps.
_M_ARENA_MAX = -8
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


class QuickExit:
    """End this process by a system call once everything else has ended, without taking the interpreter apart.

    Python visits all objects of all modules before it ends, which takes 0.4 s after a run. Everything that others
    registered with `atexit` after this object was made, and the threads that are waited for, end before. The exit code
    is that of `ended`; without a call of it, and where the output cannot be flushed, the process ends as usual.
    """

    def __init__(self) -> None:
        self._code: int | None = None
        # exit functions are called in the reverse order of their registration
        atexit.register(self._leave)

    def ended(self, code: object) -> None:
        """Set the exit code, that of a `SystemExit`: a number, or None for 0; leave anything else to Python."""
        self._code = 0 if code is None else code if isinstance(code, int) else None

    def _leave(self) -> None:
        if self._code is None:
            return
        # Python reports it again, with its own exit code
        with suppress(OSError, ValueError):
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:
                    stream.flush()
            os._exit(self._code)


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


def share_freed_memory() -> None:
    """Let all libraries of this process reuse each other's freed memory; call it before Arrow allocates.

    By default, Arrow keeps freed blocks in an allocator of its own, and the C library of Linux in one heap for each
    thread. Blocks of samples have megabytes, so all of these together kept much more than was in use at any time.
    `ARROW_DEFAULT_MEMORY_POOL` of the environment is respected.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if sys.platform == "linux":
        import ctypes

        # musl has no such function, and no heaps of threads
        set_option = getattr(ctypes.CDLL(None), "mallopt", None)
        if set_option is not None:
            set_option(_M_ARENA_MAX, 1)


class _DataLimit:
    """The limit of memory of the process (`RLIMIT_DATA`), which all its threads share."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        # the limits of the blocks that threads are in, and that of the process outside of them
        self._inside: list[int] = []
        self._outside = 0

    def enter(self, more_bytes: int) -> int:
        """Set a limit above what the process has now, and return it."""
        import resource

        with self._changing:
            if not self._inside:
                self._outside = resource.getrlimit(resource.RLIMIT_DATA)[0]
            limit = _statm(5) + more_bytes
            self._inside.append(limit)
            self._set()
        return limit

    def leave(self, limit: int) -> None:
        """Take a limit away."""
        with self._changing:
            self._inside.remove(limit)
            self._set()

    def _set(self) -> None:
        import resource

        most = resource.getrlimit(resource.RLIMIT_DATA)[1]
        above = [limit for limit in (self._outside, most) if limit != resource.RLIM_INFINITY]
        limit = min([max(self._inside), *above]) if self._inside else self._outside
        resource.setrlimit(resource.RLIMIT_DATA, (limit, most))


_data_limit = _DataLimit()


@contextmanager
def limited_memory(more_bytes: int) -> Iterator[None]:
    """Let this process have at most `more_bytes` more than now within the block; a library then raises `MemoryError`.

    Linux alone has such a limit (`RLIMIT_DATA`); elsewhere there is none. All threads of the process share it: where
    several are in such blocks, the largest limit holds, and the last one that leaves takes it away.
    """
    if not _has_data_limit():
        yield
        return
    limit = _data_limit.enter(more_bytes)
    try:
        yield
    finally:
        _data_limit.leave(limit)


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


def has_open(path: Path) -> bool:
    """Return whether this process has the file at a path open, and not only one that was at the path before it.

    True where the system does not list open files.
    """
    listed = Path("/dev/fd")
    if not listed.exists():
        return True
    file = path.stat()
    for descriptor in listed.iterdir():
        # the listing has its own descriptor, too, and threads close theirs
        with suppress(OSError):
            if os.path.samestat(os.fstat(int(descriptor.name)), file):
                return True
    return False


def descriptor_path(descriptor: int) -> str:
    """Return a path by which libraries open the file of a descriptor."""
    return f"{_PROC}/fd/{descriptor}" if reopens_descriptors() else f"/dev/fd/{descriptor}"
