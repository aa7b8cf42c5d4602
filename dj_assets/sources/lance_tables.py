"""Data sets of Lance: folders that hold versions of a table, whose rows are in fragments of one or more files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import pyarrow as pa

from dj_assets.errors import SourceError
from dj_assets.stores.path import SourcePath

if TYPE_CHECKING:
    from lance.fragment import LanceFragment

_VERSIONS, _DATA = "_versions", "data"
_MAX_BATCH_ROWS = 8192
# Errors of the library are one long line with places in its own code.
_MOST_CHARACTERS = 200


def is_lance(path: SourcePath) -> bool:
    """Return whether a path is the folder of a data set of Lance, or a file of its rows, on this machine."""
    return is_fragment(path) or (isinstance(path, Path) and (path / _VERSIONS).is_dir())


def is_fragment(path: SourcePath) -> bool:
    """Return whether a path is a file of rows of a data set of Lance, on this machine."""
    return isinstance(path, Path) and path.suffix == ".lance" and (path.parent.parent / _VERSIONS).is_dir()


def is_within_lance(path: PurePath) -> bool:
    """Return whether a path is that of a file of a data set of Lance, as far as its names tell."""
    return path.suffix == ".manifest" and path.parent.name == _VERSIONS


def fragment_files(folder: SourcePath) -> list[tuple[Path, ...]]:
    """Return the files of each fragment of the newest version, in order: those of its columns, then its deleted rows.

    Lance never changes a file, so other rows are in other files. The first file of a fragment stands for it alone.

    Raises
    ------
    SourceError
        If the library is not installed, the data set cannot be opened, or it lacks a file.
    """
    path = Path(folder).parent.parent if is_fragment(folder) else Path(folder)
    fragments = [files for _, files in _fragments(path)]
    if is_fragment(folder):
        fragments = [files for files in fragments if files[0] == folder]
    lacking = next((file for files in fragments for file in files if not file.is_file()), None)
    if lacking is not None:
        raise SourceError(f"{folder}: lacks {lacking.name}, which its newest version names; fetch it again")
    if not fragments:
        raise SourceError(f"{folder}: the newest version of the data set has no rows")
    return fragments


class LanceTable:
    """One fragment of a data set of Lance, without its deleted rows.

    Parameters
    ----------
    files
        The files of the fragment, as `fragment_files` returned them.

    Raises
    ------
    OSError
        If no version has a fragment of these files any more, or it cannot be read.
    """

    def __init__(self, files: tuple[Path, ...]) -> None:
        folder = files[0].parent.parent
        found = [fragment for fragment, named in _fragments(folder) if named == files]
        if not found:
            raise OSError("the newest version has other files; run again")
        self._fragment = found[0]
        self._bytes = sum(file.stat().st_size for file in files)
        with _errors():
            self._rows = int(self._fragment.count_rows())
            self.schema: pa.Schema = self._fragment.schema

    def rows(self, most: int) -> int:  # noqa: ARG002 - the version has the number
        """Return the number of rows."""
        return self._rows

    def batches(self, block_bytes: int, most_bytes: int) -> Iterator[pa.RecordBatch]:  # noqa: ARG002
        """Yield the rows in batches of about `block_bytes`: the library has no limit of its own for memory."""
        rows = block_bytes * self._rows // max(1, self._bytes)
        with _errors():
            yield from self._fragment.to_batches(batch_size=max(1, min(_MAX_BATCH_ROWS, rows)), batch_readahead=1)

    def share(self, row: int) -> float:
        """Return the share of the rows."""
        return row / max(1, self._rows)


@contextmanager
def _errors() -> Iterator[None]:
    """Give errors of the library on as `OSError`; a panic of its code is no `Exception`."""
    try:
        yield
    except (SourceError, GeneratorExit):
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise OSError(" ".join(str(error).split())[:_MOST_CHARACTERS]) from error


def _fragments(folder: Path) -> list[tuple[LanceFragment, tuple[Path, ...]]]:
    """Return the fragments of the newest version, each with its files."""
    if find_spec("lance") is None:
        raise SourceError(
            f"{folder}: is a data set of Lance, whose library is not installed: pip install 'dj_assets[lance]'"
        )
    import lance

    try:
        with _errors():
            return [(fragment, _files_of(fragment, folder)) for fragment in lance.dataset(folder).get_fragments()]
    except OSError as error:
        raise SourceError(f"{folder}: no readable data set of Lance ({error}); write it again") from error


def _files_of(fragment: LanceFragment, folder: Path) -> tuple[Path, ...]:
    content = fragment.metadata.to_json()
    elsewhere = [file for file in content["files"] if file.get("base_id") is not None]
    if elsewhere or content.get("overlays"):
        raise SourceError(f"{folder}: has files outside of its folder, or overlays, which are not read; write it again")
    deleted = fragment.deletion_file()
    return (*(folder / _DATA / file["path"] for file in content["files"]), *([folder / deleted] if deleted else []))
