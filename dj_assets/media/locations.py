"""Locations of the bytes of a listed image or clip: a file, a member of an archive, or a cell of a table."""

from __future__ import annotations

import io
import os
import posixpath
import re
import stat
import tarfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO

from dj_assets.errors import MediaError
from dj_assets.media.archives import Member, members
from dj_assets.media.handed import Handed
from dj_assets.media.made import FOLDER, path_in_folder

# Longer archive members and cells are refused instead of being read into memory.
MAX_MEMBER_BYTES = 1 << 30
# URLs that are fetched with the credentials of object stores, not by the process that decodes.
_STORES = ("s3://", "gs://", "az://")
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")


class MissingFileError(MediaError):
    """There is no file at the path that a sample lists; `path` is where it was looked for."""

    def __init__(self, path: str) -> None:
        super().__init__("no such file")
        self.path = path


@dataclass(frozen=True)
class MediaLocation:
    """Hold the location of the bytes: a file, a part of one, bytes in memory, a URL, or an object of a store.

    `path` is the file; with `length`, the part of it from `offset` on. `content` are the bytes themselves. A `stored`
    location has a URL as its path; a process with access to the store fetches it before it is opened.
    """

    path: str = ""
    offset: int = 0
    length: int | None = None
    content: bytes | None = None
    stored: bool = False

    @property
    def is_file(self) -> bool:
        """Return whether libraries may open `path` themselves."""
        return self.content is None and self.length is None and not _URL.match(self.path)

    def open(self) -> IO[bytes]:
        """Open the bytes for reading from any position.

        Raises
        ------
        MediaError
            If they cannot be read, or exceed the limit in memory.
        """
        if self.is_file:
            return Path(self.path).open("rb")
        if self.content is not None:
            return io.BytesIO(self.content)
        if self.length is None:
            return io.BytesIO(_fetched(self.path))
        if self.length > MAX_MEMBER_BYTES:
            raise MediaError(f"has {self.length} bytes, more than the {MAX_MEMBER_BYTES} of an archive's member")
        with Path(self.path).open("rb") as archive:
            archive.seek(self.offset)
            return io.BytesIO(archive.read(self.length))

    @property
    def file_bytes(self) -> int:
        """Return the number of bytes."""
        if self.is_file:
            return Path(self.path).stat().st_size
        if self.length is not None:
            return self.length
        return len(self.content) if self.content is not None else len(_fetched(self.path))


@contextmanager
def handed(location: MediaLocation, seconds: float, by_path_from: int | None = None) -> Iterator[Handed]:
    """Open a location for the process that decodes and close it again; a descriptor is sent with the request.

    A URL is fetched here, within the given seconds, because that process has no network. A whole file of `by_path_from`
    bytes or more is not copied: that process opens it again by its descriptor.

    Raises
    ------
    OSError
        If it cannot be opened.
    MediaError
        If it is not a regular file, or has more bytes than may be held.
    """
    if location.content is not None:
        yield Handed(location.path, len(location.content), location.content)
        return
    if not location.is_file and location.length is None:
        content = _fetched_within(seconds, location.path)
        yield Handed(location.path, len(content), content)
        return
    if location.length is not None and location.length > MAX_MEMBER_BYTES:
        raise MediaError(f"has {location.length} bytes, more than the {MAX_MEMBER_BYTES} of an archive's member")
    # if a pipe has replaced the file, opening it must not block
    descriptor = os.open(location.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise MediaError("is no regular file")
        length = facts.st_size if location.length is None else location.length
        by_path = location.length is None and by_path_from is not None and length >= by_path_from
        yield Handed(location.path, length, None, descriptor, location.offset, by_path)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Root:
    """Hold the folder in which the paths of a source are looked up, or its URL in an object store.

    On a disk, a path may lead into a tar archive: `photos/1.tar/cat.jpg` is the member `cat.jpg` of `photos/1.tar`.
    `made` is the folder, or the URL, of the files that operators made; their names are recognized, see `media.made`.
    `made_before` is that of the refined subset that the source is, if it is one.
    """

    folder: str
    allow_outside: bool = False
    allow_urls: bool = False
    made: str = ""
    made_before: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the values by their names; folders of made files only where there are some, as in earlier versions."""
        return {name: value for name, value in asdict(self).items() if value or "made" not in name}

    def file_of(self, listed: str) -> str | None:
        """Return the file of a listed path, whether it exists or not; None for a URL."""
        if (made := self._made(listed)) is not None:
            return made.path if made.is_file else None
        if _URL.match(listed):
            return None
        path = Path(self.folder, listed)
        return str(next((parent for parent in path.parents if parent.suffix == ".tar"), path))

    def name_of_made(self, file: str) -> str | None:
        """Return the path that samples list for a file that operators made; None for another file."""
        if not self.made or not file.startswith(f"{self.made}/"):
            return None
        return f"{FOLDER}{file.removeprefix(self.made)}"

    def from_anywhere(self, listed: str) -> str:
        """Return the path by which other roots find the file of a listed path: absolute, or a URL.

        Raises
        ------
        MediaError
            If the path is refused. A file that is missing is none.
        """
        try:
            location = self.find(listed)
        except MissingFileError as error:
            return error.path if self._made(listed) is not None else str(Path(self.folder, listed).absolute())
        if self._made(listed) is not None or not (location.is_file or location.length is not None):
            return location.path
        # of a member of an archive, the path leads into the archive
        return str(Path(self.folder, listed).absolute())

    def find(self, listed: str) -> MediaLocation:
        """Return the location of a listed path.

        Raises
        ------
        MediaError
            If there is no such file, or it is refused: a URL, or a file outside of the root, by an absolute path, `..`
            or a symbolic link. Missing objects in a store are detected when they are fetched.
        """
        if (made := self._made(listed)) is not None:
            if made.is_file and not Path(made.path).is_file():
                raise MissingFileError(made.path)
            return made
        remote = _URL.match(self.folder) is not None
        if remote and listed.startswith(f"{self.folder}/"):
            listed = listed.removeprefix(f"{self.folder}/")
        if _URL.match(listed):
            if not self.allow_urls:
                raise MediaError("is a URL; set 'allow_urls: true' in the source of the recipe if it should be fetched")
            return MediaLocation(listed, stored=listed.startswith(_STORES))
        if remote:
            return self._object(listed)
        try:
            return self._found(Path(self.folder, listed))
        except (OSError, ValueError) as error:
            raise MediaError(f"cannot be looked up: {getattr(error, 'strerror', None) or error}") from None

    def _made(self, listed: str) -> MediaLocation | None:
        """Return the location of a file that an operator made, whether it exists or not; None for another file."""
        path = path_in_folder(listed)
        folders = [folder for folder in (self.made, self.made_before) if folder]
        if path is None or not folders:
            return None
        here = next((folder for folder in folders if Path(folder, path).is_file()), folders[0])
        return MediaLocation(f"{here}/{path}", stored=_URL.match(here) is not None)

    def _object(self, listed: str) -> MediaLocation:
        scheme, _, root = self.folder.partition("://")
        path = posixpath.normpath(posixpath.join("/", root, listed)).lstrip("/")
        bucket = root.partition("/")[0]
        outside = not path.startswith(f"{bucket if self.allow_outside else root}/")
        # a path that leaves its bucket has no bucket, and an absolute path of a disk is not in the store
        if outside or listed.startswith("/"):
            raise self._outside()
        if "\0" in listed:
            raise MediaError("cannot be looked up: a path has no null bytes")
        return MediaLocation(f"{scheme}://{path}", stored=True)

    def _outside(self) -> MediaError:
        fix = "set 'allow_outside: true' in the source of the recipe if that is wanted"
        return MediaError(f"lies outside of the media root {self.folder}; {fix}")

    def _found(self, path: Path) -> MediaLocation:
        archive = next((parent for parent in path.parents if parent.suffix == ".tar" and parent.is_file()), None)
        real = (archive or path).resolve()
        if not self.allow_outside and not real.is_relative_to(_resolved(self.folder)):
            raise self._outside()
        if not real.is_file():
            raise MediaError("is no regular file") if real.exists() else MissingFileError(str(real))
        return MediaLocation(str(real)) if archive is None else _member(str(real), path.relative_to(archive).as_posix())


@lru_cache(maxsize=64)
def _resolved(folder: str) -> Path:
    return Path(folder).resolve()


def _member(archive: str, name: str) -> MediaLocation:
    facts = Path(archive).stat()
    known, damage = _members(archive, facts.st_mtime_ns, facts.st_size)
    if name not in known:
        raise MediaError(f"its archive cannot be read: {damage}" if damage else "the archive has no such member")
    offset, length = known[name]
    return MediaLocation(archive, offset, length)


@lru_cache(maxsize=32)
def _members(archive: str, _changed_ns: int, _archive_bytes: int) -> tuple[Mapping[str, tuple[int, int]], str]:
    """Return offset and length of every file of an archive before its damage, and the damage in words."""
    known: dict[str, tuple[int, int]] = {}
    try:
        with tarfile.open(archive, "r:", tarinfo=Member) as tar:
            for member in members(tar):
                if member.isreg() and not member.issparse():
                    known[member.name.removeprefix("./")] = (member.offset_data, member.size)
    except tarfile.TarError as error:
        return known, str(error)
    return known, ""


def _fetched_within(seconds: float, url: str) -> bytes:
    fetcher = ThreadPoolExecutor(1, thread_name_prefix="fetch")
    try:
        return fetcher.submit(_fetched, url).result(timeout=seconds)
    except TimeoutError:
        raise MediaError(f"took longer than {seconds:g} s to fetch") from None
    except MediaError:
        raise
    except Exception as error:  # noqa: BLE001 - any protocol, any server
        raise MediaError(f"cannot be fetched: {type(error).__name__}: {error}".splitlines()[0][:300]) from None
    finally:
        fetcher.shutdown(wait=False)


def _fetched(url: str) -> bytes:
    import fsspec

    with fsspec.open(url, "rb") as file:
        content: bytes = file.read(MAX_MEMBER_BYTES + 1)
    if len(content) > MAX_MEMBER_BYTES:
        raise MediaError(f"has more than {MAX_MEMBER_BYTES} bytes")
    return content
