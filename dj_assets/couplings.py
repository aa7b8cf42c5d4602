"""Every use of undocumented parts of libraries below the Dagster shell, each as one function.

Such parts can change without notice. So `pyproject.toml` bounds the versions of these libraries,
`tests/test_couplings.py` has a test for each function, and `docs/couplings.md` lists them. Those of Dagster are in
`dj_assets.assets.couplings`. Libraries are imported inside the functions: a process loads only those that it uses.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import pickle
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


def cache_kernel(compiled: Any, cache: KernelCache) -> None:  # noqa: ANN401 - numba has no types
    """Give a function that was compiled by `numba.njit`, without a cache of numba's, a cache with two layers."""
    compiled._cache = cache


# The folders into which pip installs.
_INSTALLED = frozenset({"site-packages", "dist-packages"})


class KernelCache:
    """Hold two caches of one kernel: what is shipped, which is only read, and a folder of numba's choice.

    Parameters
    ----------
    function
        The plain function.
    shipped
        A folder with files of such a cache; None if nothing is shipped.
    stamp
        A checksum of everything that the compiled code includes. It takes the place of the content of the module of the
        function. It is part of the version, too: numba compares that first, and an index of other modules may name
        types that are gone.
    before_compiling
        Called with the folder of the second cache, or None if no folder can be written.

    Raises
    ------
    LibraryError
        If the installed numba has no such parts.
    """

    def __init__(
        self,
        function: Callable[..., object],
        shipped: Path | None,
        stamp: int,
        before_compiling: Callable[[Path | None], None],
    ) -> None:
        _locators()
        self._function, self._stamp, self._before_compiling = function, stamp, before_compiling
        self._folder = shipped

    @property
    def cache_path(self) -> str | None:
        """Return the folder that kernels are written to; numba shows it."""
        return None if self._own is None else str(self._own.cache_path)

    def load_overload(self, signature: object, context: object) -> Any:  # noqa: ANN401 - numba has no types
        """Return the compiled function for the types of a call, None to have it compiled."""
        # the second folder is searched only where it is needed
        for layer in ("_shipped", "_own"):
            cache: Any = getattr(self, layer)
            # what another process is replacing, or a disk has lost, is compiled again
            with contextlib.suppress(OSError, EOFError, pickle.UnpicklingError):
                if cache is not None and (found := _load(cache, signature, context)) is not None:
                    return found
        self._before_compiling(Path(self.cache_path) if self.cache_path else None)
        return None

    def save_overload(self, signature: object, data: object) -> None:
        """Save a compiled function; leave it in memory where the disk is full or cannot be written."""
        from filelock import FileLock

        with contextlib.suppress(OSError):
            if self._own is not None:
                # an index is read and written as a whole, and other processes compile, too
                with FileLock(Path(self._own.cache_path) / "kernels.lock", timeout=10):
                    self._own.save_overload(signature, data)

    @functools.cached_property
    def _shipped(self) -> Any:  # noqa: ANN401 - numba has no types
        """Return the cache in the folder of what is shipped; most kernels of a module are never called."""
        return self._cache([_read_only(_locators()[1], self._folder)]) if self._folder else None

    @functools.cached_property
    def _own(self) -> Any:  # noqa: ANN401 - numba has no types
        """Return the cache in the first folder that can be written, else in the first that has kernels, else None.

        The files of an installed package stay as pip has written them: its kernels go into the folder of the user.
        """
        given, tree, user = _locators()
        installed = not _INSTALLED.isdisjoint(Path(self._function.__code__.co_filename).parts)
        locators = [given, user, tree] if installed else [given, tree, user]
        return self._cache(locators) or self._cache([_read_only(locator) for locator in locators])

    def _cache(self, locators: Sequence[type]) -> Any:  # noqa: ANN401 - numba has no types
        """Return the cache of the first folder that a locator takes, None if none does."""
        from numba.core import caching

        methods: dict[str, object] = {"_locator_classes": list(locators), "rebuild": _rebuild}
        kind = type("Implementation", (caching.CompileResultCacheImpl,), methods)
        try:
            cache = type("Cache", (caching.FunctionCache,), {"_impl_class": kind})(self._function)
        except RuntimeError:
            return None
        file = cache._cache_file
        if not hasattr(file, "_source_stamp") or not hasattr(file, "_version") or not hasattr(cache, "_load_overload"):
            _changed("numba", "a cache has no _load_overload, _cache_file._source_stamp or _version")
        file._source_stamp, file._version = self._stamp, f"{file._version}, {self._stamp}"
        return cache


def _load(cache: Any, signature: object, context: object) -> Any:  # noqa: ANN401 - numba has no types
    """Load a compiled function, without the rules for compiling others.

    numba reads those before each load, which takes as long as all kernels of a recipe. It reads them again before it
    compiles. The memory of arrays is all that compiled code needs.
    """
    from numba.core.runtime import rtsys  # type: ignore[attr-defined]

    rtsys.initialize(context)
    return cache._load_overload(signature, context)


def _rebuild(_: object, context: Any, stored: tuple[Any, ...]) -> Any:  # noqa: ANN401 - numba has no types
    """Return a function from its stored code; read what other kernels are compiled with when one is compiled.

    numba parses the intermediate code of a function in order to know the names of its machine code, and to put it into
    other kernels. The first costs more than half of the loading; the names that are called are known without.
    """
    from llvmlite import binding
    from numba.core.compiler import CompileResult

    rebuilt: Callable[..., Any] = CompileResult._rebuild
    (name, kind, content), described, *rest = stored
    if kind != "object":
        return rebuilt(context, *stored)
    machine_code, intermediate = content
    engine = context.codegen()._engine
    called = (described.llvm_func_name, described.llvm_cpython_wrapper_name, described.llvm_cfunc_wrapper_name)
    engine._defined_symbols |= {symbol for symbol in called if symbol.encode() in machine_code}
    result = rebuilt(context, (name, kind, (machine_code, _nothing())), described, *rest)
    library = result.library

    @functools.cache
    def linked() -> Any:  # noqa: ANN401 - numba has no types
        """Return the module that is put into a kernel that calls this one."""
        library._shared_module = binding.parse_bitcode(intermediate)
        engine._load_defined_symbols(library._shared_module)
        return library._shared_module

    library._get_module_for_linking = linked
    return result


@functools.cache
def _nothing() -> bytes:
    """Return the intermediate code of an empty module."""
    from llvmlite import binding

    code: bytes = binding.parse_assembly("").as_bitcode()
    return code


def _locators() -> Sequence[type]:
    """Return numba's classes that choose a folder: of `NUMBA_CACHE_DIR`, in the tree, of the user."""
    try:
        from numba.core import caching

        given, tree, user = caching.UserProvidedCacheLocator, caching.InTreeCacheLocator, caching.UserWideCacheLocator
    except (ImportError, AttributeError) as error:
        _changed("numba", f"numba.core.caching is another one ({error})")
    return given, tree, user


def _read_only(locator: Any, folder: Path | None = None) -> type:  # noqa: ANN401 - numba has no types
    """Return a class like a locator whose folder need not be writable: the given one, or that of the locator."""

    def ensure_cache_path(self: Any) -> None:  # noqa: ANN401 - numba has no types
        """Raise where nothing is cached, for numba to try the next folder."""
        if next(Path(self.get_cache_path()).glob("*.nbi"), None) is None:
            raise OSError("no kernels are cached there")

    methods: dict[str, object] = {"ensure_cache_path": ensure_cache_path}
    if folder:
        methods["get_cache_path"] = lambda _: str(folder)
    return type("ReadOnly", (locator,), methods)


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
