"""The folder of media files that operators made, on a disk or in an object store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dj_assets.errors import DjError
from dj_assets.media.made import name_of, path_in_folder
from dj_assets.stores.atomic import write_synced
from dj_assets.stores.store import Store
from dj_assets.urls import is_url


@dataclass(frozen=True)
class MadeMedia:
    """Write made files into a folder, or below a URL. A killed process leaves no part of a file under its name.

    Examples
    --------
    >>> import tempfile
    >>> made = MadeMedia(tempfile.mkdtemp())
    >>> name = made.write(b"a clip", ".mp4")
    >>> made.record("a key", [name])
    >>> made.recorded("a key") == (name,)
    True
    >>> made.recorded("another key") is None
    True
    """

    folder: str

    def recorded(self, key: str) -> tuple[str, ...] | None:
        """Return the names of the files that were made under a key; None if there are none, or one is gone."""
        content = self._read(_record(key))
        if content is None:
            return None
        try:
            names = tuple(map(str, json.loads(content)["files"]))
        except (ValueError, KeyError, TypeError):
            return None
        paths = [path_in_folder(name) for name in names]
        return names if all(path and self._is_there(path) for path in paths) else None

    def write(self, content: bytes, suffix: str) -> str:
        """Write a file unless it is there; return its name."""
        name = name_of(content, suffix)
        path = path_in_folder(name)
        if path is None:
            raise DjError(f"a made file cannot have the suffix {suffix!r}; use one such as '.mp4'")
        if not self._is_there(path):
            self._write(path, content)
        return name

    def record(self, key: str, names: Sequence[str]) -> None:
        """Record the names of all files that were made under a key."""
        self._write(_record(key), json.dumps({"files": list(names)}).encode())

    def _is_there(self, path: str) -> bool:
        if is_url(self.folder):
            return Store.at(self.folder).facts(path) is not None
        return Path(self.folder, path).is_file()

    def _read(self, path: str) -> bytes | None:
        try:
            return Store.at(self.folder).get(path) if is_url(self.folder) else Path(self.folder, path).read_bytes()
        except FileNotFoundError:
            return None

    def _write(self, path: str, content: bytes) -> None:
        if is_url(self.folder):
            Store.at(self.folder).put(path, content)
        else:
            write_synced(Path(self.folder, path), content)


def _record(key: str) -> str:
    return f"{key[:2]}/.{key}.json"
