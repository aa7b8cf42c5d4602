"""The sandbox of the process that decodes: no network, no other program, no file but libraries and its input."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from dj_assets import variables
from dj_assets.errors import UserError
from dj_assets.media import landlock, seccomp

# Files that the C library, NumPy and FFmpeg read: locale, time zone, number of processors, memory.
_SYSTEM = (
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/locale",
    "/usr/share/zoneinfo",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/dev/urandom",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys/vm/overcommit_memory",
    "/proc/self/maps",
    "/proc/self/stat",
    "/proc/self/statm",
    "/proc/self/status",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/sys/fs/cgroup",
)
_WRITABLE = ("/dev/null",)
_MODULES = frozenset({".py", ".pyc", ".so"})
# Names of folders that hold installed packages and nothing else.
_INSTALLED = frozenset({"site-packages", "dist-packages"})


def missing() -> tuple[str, ...]:
    """Return the layers of the sandbox that this system cannot set up."""
    layers = {"seccomp (no network)": seccomp.available(), "Landlock (no other files)": landlock.version() > 0}
    return tuple(name for name, there in layers.items() if not there)


def confines_files(mode: str) -> bool:
    """Return whether the process that decodes is unable to open files by path."""
    return mode != "off" and landlock.version() > 0


def require(mode: str) -> None:
    """Make sure that the sandbox is complete if the mode is `require`.

    Raises
    ------
    UserError
        If a layer is missing.
    """
    if mode == "require" and missing():
        raise UserError(
            f"DJ_MEDIA_SANDBOX=require: this system has no {' and no '.join(missing())}; "
            "run on Linux 5.13 or newer with Landlock, or set DJ_MEDIA_SANDBOX=auto"
        )


def notices(mode: str) -> tuple[str, ...]:
    """Return a sentence about layers of the sandbox that are missing or switched off; none if it is complete.

    Raises
    ------
    UserError
        As for `require`.
    """
    require(mode)
    if mode == "off":
        return ("DJ_MEDIA_SANDBOX=off: the process that decodes images and clips is not confined",)
    if not missing():
        return ()
    return (f"this system has no {' and no '.join(missing())}: the process that decodes is confined in part only",)


def confine(handed: Iterable[int] = ()) -> None:
    """Confine this process permanently, as far as the system can.

    Parameters
    ----------
    handed
        Descriptors of files that the process may open again by `/proc/self/fd`.

    Raises
    ------
    OSError
        If the kernel refuses a layer that it claims to support.
    """
    if landlock.version():
        landlock.allow_only([*_SYSTEM, *_libraries(), *handed], _WRITABLE)
    if seccomp.available():
        seccomp.forbid_calls()


def _libraries() -> Iterator[str]:
    """Yield the paths that Python imports from: its own folders as a whole, of others only packages, without data.

    Folders of installed packages are whole, too, also those of the user or of the system: `pillow.libs` is no package.
    """
    # the folder in which numba caches compiled kernels if the tree cannot be written
    yield from filter(None, (variables.NUMBA_CACHE_DIR.given(), str(Path("~/.cache/numba").expanduser())))
    folders = {*map(sysconfig.get_path, ("stdlib", "platstdlib", "purelib", "platlib"))}
    folders |= {str(Path(prefix, "lib")) for prefix in (sys.prefix, sys.exec_prefix, sys.base_prefix)}
    folders |= {entry for entry in sys.path if Path(entry).name in _INSTALLED}
    yield from folders
    below = tuple(f"{folder}/" for folder in folders)
    yield from (path for path in _imported() if not path.startswith(below))
    for entry in map(Path, dict.fromkeys(filter(None, sys.path))):
        if not any(entry.is_relative_to(folder) for folder in folders):
            yield from map(str, _packages(entry))


def _imported() -> Iterator[str]:
    """Yield the folders and files of imported packages: an editable install is found by a hook, not by `sys.path`."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and "." not in name:
            yield str(Path(file).parent if Path(file).stem == "__init__" else file)


def _packages(entry: Path) -> Iterator[Path]:
    if entry.is_file():
        yield entry
        return
    try:
        entries = sorted(entry.iterdir())
    except OSError:
        return
    for path in entries:
        if path.suffix in _MODULES or path.name == "__pycache__" or (path / "__init__.py").is_file():
            yield path
