"""Filter system calls (Linux seccomp): no sockets, no other programs, no other processes.

The filter is a classic BPF program; the numbers of system calls are those of `asm/unistd.h`.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from collections.abc import Mapping
from typing import NamedTuple

_AUDIT_ARCH: Mapping[str, int] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# Calls with the same number on every architecture; io_uring does the work of other calls without passing the filter.
_COMMON: Mapping[str, int] = {
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "pidfd_open": 434,
    "pidfd_getfd": 438,
}
_NUMBERS: Mapping[str, Mapping[str, int]] = {
    "x86_64": {
        "socket": 41,
        "connect": 42,
        "accept": 43,
        "bind": 49,
        "listen": 50,
        "execve": 59,
        "ptrace": 101,
        "pivot_root": 155,
        "chroot": 161,
        "mount": 165,
        "umount2": 166,
        "unshare": 272,
        "accept4": 288,
        "perf_event_open": 298,
        "open_by_handle_at": 304,
        "setns": 308,
        "process_vm_readv": 310,
        "process_vm_writev": 311,
        "bpf": 321,
        "execveat": 322,
        "userfaultfd": 323,
    },
    "aarch64": {
        "umount2": 39,
        "mount": 40,
        "pivot_root": 41,
        "chroot": 51,
        "unshare": 97,
        "ptrace": 117,
        "socket": 198,
        "bind": 200,
        "listen": 201,
        "accept": 202,
        "connect": 203,
        "execve": 221,
        "perf_event_open": 241,
        "accept4": 242,
        "open_by_handle_at": 265,
        "setns": 268,
        "process_vm_readv": 270,
        "process_vm_writev": 271,
        "bpf": 280,
        "execveat": 281,
        "userfaultfd": 282,
    },
}
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_AT, _ARCH_AT = 0, 4
# x86_64 has a second table of calls (x32) at these numbers.
_X32 = 0x40000000
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SET_MODE_FILTER, _GET_ACTION_AVAIL, _ALL_THREADS = 1, 2, 1
_PR_SET_NO_NEW_PRIVS = 38


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


class _Instruction(NamedTuple):
    code: int
    if_true: int
    if_false: int
    operand: int

    def packed(self) -> bytes:
        return struct.pack("=HBBI", *self)


def available() -> bool:
    """Return whether this system filters system calls, and this module supports its architecture."""
    number = _SECCOMP.get(platform.machine())
    if platform.system() != "Linux" or number is None:
        return False
    action = ctypes.c_uint(_ERRNO)
    return bool(ctypes.CDLL(None).syscall(number, _GET_ACTION_AVAIL, 0, ctypes.byref(action)) == 0)


def forbid_calls() -> None:
    """Let every listed call fail with `EPERM`, in all threads of this process, permanently.

    Raises
    ------
    OSError
        If the kernel refuses the filter.
    """
    program = b"".join(instruction.packed() for instruction in _instructions(platform.machine()))
    filtered = _Program(len(program) // 8, program)
    libc = ctypes.CDLL(None, use_errno=True)
    forbid_privileges()
    if libc.syscall(_SECCOMP[platform.machine()], _SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(filtered)) != 0:
        raise OSError(ctypes.get_errno(), "the kernel refuses a filter of system calls")


def forbid_privileges() -> None:
    """Give up the privileges that set-user-ID programs would add; seccomp and Landlock require this.

    Raises
    ------
    OSError
        If the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the kernel refuses to give up privileges")


def _instructions(machine: str) -> list[_Instruction]:
    forbidden = sorted({*_NUMBERS[machine].values(), *_COMMON.values()})
    jumps = [(_JUMP_EQUAL, number) for number in forbidden]
    if machine == "x86_64":
        jumps.append((_JUMP_AT_LEAST, _X32))
    tests = [_Instruction(code, len(jumps) - n, 0, number) for n, (code, number) in enumerate(jumps)]
    return [
        _Instruction(_LOAD, 0, 0, _ARCH_AT),
        _Instruction(_JUMP_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        _Instruction(_RETURN, 0, 0, _KILL),
        _Instruction(_LOAD, 0, 0, _NUMBER_AT),
        *tests,
        _Instruction(_RETURN, 0, 0, _ALLOW),
        _Instruction(_RETURN, 0, 0, _ERRNO | errno.EPERM),
    ]
