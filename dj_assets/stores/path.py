"""Paths in an object store: operations on paths, and the few methods of a file that readers of sources need."""

from __future__ import annotations

import io
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from dj_assets.stores.store import ListedObject, Store
from dj_assets.stores.stream import ObjectStream
from dj_assets.urls import checked_url, is_url


class ObjectStat(NamedTuple):
    """Hold size and time of an object, under the names of `os.stat_result`."""

    st_size: int
    st_mtime_ns: int


class ObjectPath(PurePosixPath):
    """Path of an object. Its text is the URL; `name`, `parent` and `parts` are those of a path."""

    __slots__ = ()

    @classmethod
    def of(cls, url: str) -> ObjectPath:
        """Return the path of a URL.

        Raises
        ------
        UserError
            If the URL cannot be used.
        """
        scheme, _, rest = checked_url(url).partition("://")
        return cls(f"{scheme}:", *rest.split("/"))

    def __str__(self) -> str:
        scheme, *rest = self.parts
        return f"{scheme}//{'/'.join(rest)}"

    def __fspath__(self) -> str:
        return str(self)

    @property
    def store(self) -> Store:
        """Return the object as the root of a store."""
        return Store.at(str(self))

    def resolve(self) -> ObjectPath:
        """Return the path itself: there are no links."""
        return self

    def absolute(self) -> ObjectPath:
        """Return the path itself: it starts with the bucket."""
        return self

    def stat(self) -> ObjectStat:
        """Return size in bytes and time in nanoseconds.

        Raises
        ------
        FileNotFoundError
            If there is no such object.
        """
        listed = self.store.facts()
        if listed is None:
            raise FileNotFoundError(f"{self}: no such object")
        return ObjectStat(listed.size, listed.mtime_ns)

    def exists(self) -> bool:
        """Return whether there is such an object."""
        return self.store.facts() is not None

    def open(self, mode: str = "rb", buffering: int = -1) -> io.RawIOBase:
        """Open the object to read its bytes; `mode` is "rb"."""
        if mode != "rb":
            raise ValueError(f"{self}: objects are opened to be read as bytes alone")
        del buffering  # the stream has its own
        return ObjectStream(self.store)


SourcePath = Path | ObjectPath


def source_path(location: str) -> SourcePath:
    """Return the path of a source file, given its path or URL in a manifest."""
    return ObjectPath.of(location) if is_url(location) else Path(location)


def read_stretch(path: SourcePath, start: int, length: int) -> bytes:
    """Return `length` bytes of a source file from `start` on."""
    if isinstance(path, ObjectPath):
        return path.store.stretch(start, length)
    with path.open("rb") as raw:
        raw.seek(start)
        return raw.read(length)


def found_below(folder: ObjectPath) -> dict[ObjectPath, ListedObject]:
    """Return all objects below a folder, with their entries in the listing."""
    store = folder.store
    # a key with an empty segment has no path
    return {folder / key: facts for key, facts in store.listing().items() if "//" not in key}
