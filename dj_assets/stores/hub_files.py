"""Files of the hub of Hugging Face, as a file system that is only read.

Folders are listed by the library `huggingface_hub`. Files are read here, in ranges and without its retries: those of
the object stores apply.
"""

from __future__ import annotations

import io
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import pyarrow as pa
from pyarrow import fs

from dj_assets import variables
from dj_assets.stores.hub import REQUEST_S, as_os_errors, hub_endpoint, require_success


def hub_file_system() -> fs.FileSystem:
    """Return the file system of the hub that `HF_ENDPOINT` names, with the token of the environment."""
    return fs.PyFileSystem(_Handler(_library_file_system()))


def _library_file_system() -> Any:  # noqa: ANN401 - a class of a library that is loaded late
    from huggingface_hub import HfFileSystem

    endpoint, token = hub_endpoint(), variables.HF_TOKEN.given()
    return HfFileSystem(endpoint=endpoint, token=token, skip_instance_cache=True)


class _Handler(fs.FSSpecHandler):  # type: ignore[misc]
    """The file system of the library, with errors that can be repeated, and files that are read in ranges."""

    def get_file_info(self, paths: list[str]) -> list[fs.FileInfo]:
        with as_os_errors():
            return list(super().get_file_info(paths))

    def get_file_info_selector(self, selector: fs.FileSelector) -> list[fs.FileInfo]:
        with as_os_errors():
            # what an interrupted request left is not taken for the whole
            self.fs.invalidate_cache()
            return list(super().get_file_info_selector(selector))

    def open_input_file(self, path: str) -> pa.NativeFile:
        (info,) = self.get_file_info([path])
        if info.type != fs.FileType.File:
            raise FileNotFoundError(path)
        return pa.PythonFile(_RangeFile(self.fs, path, int(info.size or 0)), mode="r")

    def open_input_stream(self, path: str) -> pa.NativeFile:
        return self.open_input_file(path)


class _RangeFile(io.RawIOBase):
    """A file of the hub; each read is a request for a range."""

    def __init__(self, library: Any, path: str, size: int) -> None:  # noqa: ANN401
        super().__init__()
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

        resolved = library.resolve_path(path)
        inside = quote(resolved.path_in_repo)
        revision = quote(resolved.revision, safe="")
        self._url = f"{library.endpoint}/datasets/{resolved.repo_id}/resolve/{revision}/{inside}"
        self._headers: dict[str, str] = build_hf_headers(token=library.token)
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position; return it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def size(self) -> int:
        """Return the number of bytes."""
        return self._size

    def read(self, size: int | None = -1, /) -> bytes:
        """Return `size` bytes, fewer at the end.

        Raises
        ------
        OSError
            If the hub does not answer with all of them.
        """
        end = self._size if size is None or size < 0 else min(self._size, self._at + size)
        if end <= self._at:
            return b""
        data = self._range(self._at, end)
        self._at = end
        return data

    def _range(self, start: int, end: int) -> bytes:
        import huggingface_hub

        headers = {**self._headers, "range": f"bytes={start}-{end - 1}", "accept-encoding": "identity"}
        with as_os_errors():
            answer = huggingface_hub.get_session().get(
                self._url, headers=headers, follow_redirects=True, timeout=REQUEST_S
            )
        require_success(answer.status_code)
        data: bytes = answer.content
        if answer.status_code == HTTPStatus.OK:
            # a server without ranges
            data = data[start:end]
        if len(data) != end - start:
            raise OSError(f"{len(data)} of {end - start} bytes arrived")
        return data
