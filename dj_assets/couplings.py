"""Every use of undocumented parts of libraries below the Dagster shell, each as one function.

Such parts can change without notice. So `pyproject.toml` bounds the versions of these libraries,
`tests/test_couplings.py` has a test for each function, and `docs/couplings.md` lists them. Those of Dagster are in
`dj_assets.assets.couplings`. Libraries are imported inside the functions: a process loads only those that it uses.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from dj_assets.errors import DjError

if TYPE_CHECKING:
    import pyarrow as pa
    from numba.core.cgutils import _StructProxy
    from numba.core.types import Type
    from ray.data.datasource import ReadTask

# Option of `numba.njit`: the kernel does not count references to arrays.
WITHOUT_REFERENCE_COUNTS: Mapping[str, bool] = {"_nrt": False}


class LibraryError(DjError):
    """An undocumented part of a library is gone or has changed: another version of the library is needed."""


def set_cache_stamp(compiled: object, stamp: object) -> None:
    """Let the disk cache of a numba function be valid for one stamp, instead of for the content of its module.

    The stamp is part of the version of the cache, too: numba compares that first, and an index of other modules may
    name types that are gone.

    Raises
    ------
    LibraryError
        If the cache of the installed numba has no stamp.
    """
    file: Any = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if not hasattr(file, "_source_stamp") or not hasattr(file, "_version"):
        _changed("numba", "a function compiled with cache=True has no _cache._cache_file._source_stamp or _version")
    file._source_stamp, file._version = stamp, f"{file._version}, {stamp}"


def tolerate_unwritable_cache(compiled: object) -> None:
    """Let a numba function keep in memory what it cannot write to its cache: on a full disk, in a confined process.

    Raises
    ------
    LibraryError
        If the cache of the installed numba is not written by such a method.
    """
    cache: Any = getattr(compiled, "_cache", None)
    if not hasattr(cache, "save_overload"):
        _changed("numba", "a function compiled with cache=True has no _cache.save_overload")
    save = cache.save_overload

    def save_if_possible(signature: object, data: object) -> None:
        """Save a compiled function; leave it in memory on an error of the disk."""
        with contextlib.suppress(OSError):
            save(signature, data)

    cache.save_overload = save_if_possible


def read_only_cache(compiled: Any, function: Callable[..., object]) -> bool:  # noqa: ANN401 - numba has no types
    """Let a numba function load what other processes compiled, from a cache that this process cannot write.

    numba itself takes a folder that it can write, or refuses. Return False where nothing is cached.

    Raises
    ------
    LibraryError
        If the installed numba has no such parts.
    """
    try:
        from numba.core import caching

        locators = (caching.UserProvidedCacheLocator, caching.InTreeCacheLocator, caching.UserWideCacheLocator)
        bases = caching.CompileResultCacheImpl, caching.FunctionCache
    except (ImportError, AttributeError) as error:
        _changed("numba", f"numba.core.caching is another one ({error})")

    def ensure_cache_path(locator: Any) -> None:  # noqa: ANN401 - numba has no types
        """Raise where nothing is cached, for numba to try the next folder."""
        if next(Path(locator.get_cache_path()).glob("*.nbi"), None) is None:
            raise OSError("no kernels are cached there")

    methods = {"ensure_cache_path": ensure_cache_path}
    implementation = type(
        "Kernels", bases[:1], {"_locator_classes": [type("ReadOnly", (base,), methods) for base in locators]}
    )
    attributes = {"_impl_class": implementation, "save_overload": lambda *_: None}
    try:
        compiled._cache = type("ReadOnlyCache", bases[1:], attributes)(function)
    except RuntimeError:
        return False
    return True


def load_array_functions() -> None:
    """Import the functions over arrays that numba would import at the first kernel.

    Raises
    ------
    LibraryError
        If the installed numba has no such module.
    """
    try:
        from numba.np import arraymath  # noqa: F401
    except ImportError:
        _changed("numba", "there is no module numba.np.arraymath")


def array_structs() -> Callable[[Type], type[_StructProxy]]:
    """Return numba's function from the type of an array to the struct that an intrinsic finds in its place.

    Raises
    ------
    LibraryError
        If the installed numba has no such function.
    """
    try:
        from numba.np.arrayobj import make_array
    except ImportError:
        _changed("numba", "there is no function numba.np.arrayobj.make_array")
    return make_array


def parsed_pattern(pattern: re.Pattern[str]) -> Sequence[tuple[object, Any]]:
    """Return a regular expression as the parser of Python reads it: pairs of an operation and its argument.

    Raises
    ------
    LibraryError
        If the running Python has no such parser.
    """
    try:
        from re import _parser  # type: ignore[attr-defined]

        return list(_parser.parse(pattern.pattern, pattern.flags))
    except (ImportError, AttributeError):
        raise LibraryError(
            "this version of Python has no re._parser.parse; use one that the tests passed with"
        ) from None


def mojibake_pattern() -> re.Pattern[str]:
    """Return the regular expression by which ftfy finds bad sequences of characters.

    Raises
    ------
    LibraryError
        If the installed ftfy has no such pattern.
    """
    try:
        from ftfy.badness import BADNESS_RE
    except ImportError:
        _changed("ftfy", "there is no pattern ftfy.badness.BADNESS_RE")
    pattern: re.Pattern[str] = BADNESS_RE
    return pattern


def is_ray_client() -> bool:
    """Return whether this process is connected to a Ray cluster through Ray Client.

    Raises
    ------
    LibraryError
        If the installed Ray does not say.
    """
    import ray

    try:
        return bool(ray.util.client.ray.is_connected())  # type: ignore[no-untyped-call]
    except AttributeError:
        _changed("ray", "there is no ray.util.client.ray.is_connected")


def ray_read_task(read: Callable[[], Iterable[pa.Table]]) -> ReadTask:
    """Return a task of `ray.data` that calls a function for blocks of which nothing is known before.

    Raises
    ------
    LibraryError
        If the installed Ray builds such tasks in another way.
    """
    from ray.data.block import BlockMetadata
    from ray.data.datasource import ReadTask

    try:
        return ReadTask(read, BlockMetadata(num_rows=None, size_bytes=None, exec_stats=None, input_files=None))
    except TypeError as error:
        _changed("ray", f"ReadTask or BlockMetadata take other arguments ({error})")


def _changed(package: str, change: str) -> NoReturn:
    version = importlib.metadata.version(package)
    raise LibraryError(f"{package} {version}: {change}; install a version that pyproject.toml of dj_assets allows")
