"""The objects below a URL: list, read and write them, each complete or not at all, with retries if the store fails."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dj_assets.errors import StoreError, UserError
from dj_assets.stores.atomic import temporary_beside
from dj_assets.stores.filesystems import file_system
from dj_assets.stores.retry import retried
from dj_assets.urls import checked_url

if TYPE_CHECKING:
    from pyarrow import NativeFile
    from pyarrow.fs import FileInfo, FileSystem

A = TypeVar("A")
B = TypeVar("B")

# Requests wait for the network, not for a CPU.
THREADS = 8
_CHUNK_BYTES = 8 * 1024 * 1024
_SECOND = 1_000_000_000


@dataclass(frozen=True)
class ListedObject:
    """Hold an object's entry in a listing: size in bytes, write time in nanoseconds, rounded down to seconds."""

    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Store:
    """Give access to the objects below a URL. Keys are relative to it; "" is the object of the URL itself.

    An object appears complete or not at all: stores make it visible when its last byte has arrived.
    """

    url: str

    @classmethod
    def at(cls, url: str) -> Store:
        """Return the store of a URL; no request is sent yet.

        Raises
        ------
        UserError
            If the URL cannot be used.
        """
        return cls(checked_url(url))

    @cached_property
    def _fs(self) -> FileSystem:
        scheme, _, rest = self.url.partition("://")
        return file_system(scheme, rest.partition("/")[0])

    def _path(self, key: str = "") -> str:
        root = self.url.partition("://")[2]
        return f"{root}/{key}" if key else root

    def named(self, key: str) -> str:
        """Return the URL of an object."""
        return f"{self.url}/{key}" if key else self.url

    def listing(self, prefix: str = "") -> dict[str, ListedObject]:
        """Return all objects below a folder, keyed by their keys; empty if there is no such folder."""
        from pyarrow import fs

        selector = fs.FileSelector(self._path(prefix), recursive=True, allow_not_found=True)
        infos = retried(f"list {self.named(prefix)}", lambda: self._fs.get_file_info(selector))
        start = len(self._path().strip("/")) + 1
        return {
            info.path.strip("/")[start:]: _facts(info)
            for info in infos
            if info.type == fs.FileType.File and info.path.strip("/")[start:]
        }

    def facts(self, key: str = "") -> ListedObject | None:
        """Return size and time of an object; None if there is none."""
        from pyarrow import fs

        info = retried(f"look at {self.named(key)}", lambda: self._fs.get_file_info(self._path(key)))
        return _facts(info) if info.type == fs.FileType.File else None

    def opened(self, key: str = "") -> NativeFile:
        """Open an object for reads at any position.

        Raises
        ------
        FileNotFoundError
            If there is none.
        """
        return retried(f"open {self.named(key)}", lambda: self._fs.open_input_file(self._path(key)))

    def get(self, key: str) -> bytes:
        """Return the content of a small object.

        Raises
        ------
        FileNotFoundError
            If there is none.
        """

        def read() -> bytes:
            with self._fs.open_input_file(self._path(key)) as file:
                return bytes(file.readall())

        return retried(f"read {self.named(key)}", read)

    def stretch(self, start: int, length: int, key: str = "") -> bytes:
        """Return `length` bytes of an object from `start` on.

        Raises
        ------
        FileNotFoundError
            If there is none.
        """

        def read() -> bytes:
            with self._fs.open_input_file(self._path(key)) as file:
                data = bytes(file.read_at(length, start))
            if len(data) < length:
                raise EOFError(f"{len(data)} of {length} bytes arrived")
            return data

        return retried(f"read {self.named(key)}, bytes {start} to {start + length}", read)

    def put(self, key: str, content: bytes) -> ListedObject:
        """Write or replace a small object; return its entry in a listing.

        Raises
        ------
        UserError
            If the store refuses, or there is no such bucket.
        """

        def write() -> None:
            with self._fs.open_output_stream(self._path(key), compression=None) as out:
                out.write(content)

        self._write(key, write)
        return self._written(key, len(content))

    def upload(self, source: Path, key: str) -> ListedObject:
        """Write a file as an object; return its entry in a listing."""
        size = source.stat().st_size
        self._write(key, lambda: self._uploaded(source, key))
        return self._written(key, size)

    def _write(self, key: str, work: Callable[[], None]) -> None:
        try:
            retried(f"write {self.named(key)}", work)
        except FileNotFoundError:
            # Google's store raises this for a missing bucket; others refuse the request
            raise UserError(f"write {self.named(key)}: there is no such bucket; check the name") from None

    def _uploaded(self, source: Path, key: str) -> None:
        with source.open("rb") as file:
            out = self._fs.open_output_stream(self._path(key), compression=None)
            # closing makes the object visible, so a failed stream is not closed here
            shutil.copyfileobj(file, out, _CHUNK_BYTES)
            out.close()

    def _written(self, key: str, size: int) -> ListedObject:
        facts = self.facts(key)
        if facts is None or facts.size != size:
            there = "nothing" if facts is None else f"{facts.size} bytes"
            raise StoreError(f"{self.named(key)}: {size} bytes were written, {there} is there; run again to go on")
        return facts

    def download(self, key: str, target: Path, accept: Callable[[int], None] | None = None) -> None:
        """Fetch an object into a file, which appears complete or not at all.

        `accept` is called with the number of bytes before they are fetched; its exceptions are passed on.

        Raises
        ------
        FileNotFoundError
            If there is none.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_beside(target)

        def fetch() -> None:
            with self._fs.open_input_file(self._path(key)) as file, temporary.open("wb") as out:
                if accept is not None:
                    accept(file.size())
                shutil.copyfileobj(file, out, _CHUNK_BYTES)
                if out.tell() != file.size():
                    raise EOFError(f"{out.tell()} of {file.size()} bytes arrived")

        try:
            retried(f"fetch {self.named(key)}", fetch)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    def copy(self, source: str, target: str) -> None:
        """Copy an object inside the store, without a transfer through this machine."""
        retried(f"copy {self.named(source)}", lambda: self._fs.copy_file(self._path(source), self._path(target)))

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; missing ones are no error."""
        each(self._delete, keys)

    def _delete(self, key: str) -> None:
        try:
            retried(f"delete {self.named(key)}", lambda: self._fs.delete_file(self._path(key)))
        except FileNotFoundError:
            return


def _facts(info: FileInfo) -> ListedObject:
    mtime = info.mtime_ns or 0
    return ListedObject(int(info.size or 0), mtime - mtime % _SECOND)


def each(work: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """Call `work` for all items, several at a time; return the results in order. The first exception is raised."""
    listed = list(items)
    if len(listed) < 2:
        return [work(item) for item in listed]
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, listed))
