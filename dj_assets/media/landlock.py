"""Remove access to files and TCP ports from a process (Linux Landlock), with numbers from `linux/landlock.h`."""

from __future__ import annotations

import ctypes
import os
import platform
import stat
import struct
from collections.abc import Iterable
from contextlib import ExitStack

from dj_assets.media.seccomp import forbid_privileges

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH = 1, 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14
# The number of file rights that each version of the interface supports.
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_MOST_RIGHTS = 16
_TCP_SINCE, _TCP = 4, 0b11
# The scopes: signals to other processes, and abstract sockets of other processes.
_SCOPES_SINCE, _SCOPES = 6, 0b11


def version() -> int:
    """Return the version of the kernel's interface; 0 if it has none, or it is switched off."""
    if platform.system() != "Linux":
        return 0
    return max(0, int(ctypes.CDLL(None).syscall(_CREATE_RULESET, None, 0, _VERSION)))


def allow_only(readable: Iterable[str | int], writable: Iterable[str] = ()) -> None:
    """Forbid all other access to files, and TCP if the kernel can, to this thread and its children, permanently.

    Parameters
    ----------
    readable
        Folders with all their content, files, and descriptors of open files. Paths that do not exist are skipped. Files
        without a name, of `memfd_create`, can always be opened again.
    writable
        Files that may also be written.

    Raises
    ------
    OSError
        If the kernel refuses.
    """
    abi = version()
    rights = (1 << _RIGHTS.get(abi, _MOST_RIGHTS)) - 1
    attributes = struct.pack("=QQQ", rights, _TCP if abi >= _TCP_SINCE else 0, _SCOPES if abi >= _SCOPES_SINCE else 0)[
        : 8 if abi < _TCP_SINCE else 16 if abi < _SCOPES_SINCE else 24
    ]
    with ExitStack() as close:
        ruleset = _call(_CREATE_RULESET, attributes, len(attributes), 0)
        close.callback(os.close, ruleset)
        for path in readable:
            _allow(ruleset, path, (_EXECUTE | _READ_FILE | _READ_DIR) & rights)
        for path in writable:
            _allow(ruleset, path, (_READ_FILE | _WRITE_FILE | _TRUNCATE) & rights)
        forbid_privileges()
        _call(_RESTRICT_SELF, ruleset, 0)


def _allow(ruleset: int, path: str | int, rights: int) -> None:
    with ExitStack() as close:
        if isinstance(path, str):
            try:
                path = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                return
            close.callback(os.close, path)
        if not stat.S_ISDIR(os.fstat(path).st_mode):
            rights &= ~_READ_DIR
        _call(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, path), 0)


def _call(number: int, *arguments: bytes | int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    result = int(libc.syscall(number, *arguments))
    if result < 0:
        problem = ctypes.get_errno()
        raise OSError(problem, f"Landlock: {os.strerror(problem)}")
    return result
