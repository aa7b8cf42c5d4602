"""Where the raw files of a subset lie: paths, folders and globs become an ordered list of readable files."""

from __future__ import annotations

import difflib
import glob
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from dj_assets.errors import SourceError

Format = Literal["jsonl", "json", "csv", "tsv", "parquet"]
Compression = Literal["gz", "zst"]

FORMATS: tuple[Format, ...] = ("jsonl", "json", "csv", "tsv", "parquet")
COMPRESSIONS: tuple[Compression, ...] = ("gz", "zst")
READ = "read are .jsonl, .json, .csv, .tsv and .parquet, each plain or with .gz or .zst"

_ENDING = re.compile(rf"\.({'|'.join(FORMATS)}|ndjson)(?:\.({'|'.join(COMPRESSIONS)}))?$", re.IGNORECASE)
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True)
class SourceFile:
    """One raw file: where it lies, its size and age when it was found, and how to read it."""

    path: Path
    size: int
    mtime_ns: int
    format: Format
    compression: Compression | None = None

    @classmethod
    def at(cls, path: Path) -> SourceFile:
        """Return the file at `path`, its format told by its name.

        Raises
        ------
        SourceError
            If the name ends in nothing that is read.
        """
        ending = _ENDING.search(path.name)
        if ending is None:
            raise SourceError(f"{path}: unknown ending; {READ}")
        kind = ending[1].lower().replace("ndjson", "jsonl")
        compression = ending[2].lower() if ending[2] else None
        stat = path.stat()
        return cls(path, stat.st_size, stat.st_mtime_ns, cast("Format", kind), cast("Compression | None", compression))


def resolve(paths: Sequence[str | Path], base: Path) -> tuple[SourceFile, ...]:
    """Return the files that `paths` name: in the order given, by natural sort inside a folder or glob.

    Parameters
    ----------
    paths
        Files, folders (every readable file below, hidden ones aside) and globs (`**` descends).
    base
        The folder that relative paths start from.

    Raises
    ------
    SourceError
        For a path that is not there, a folder or glob without files, an unknown ending, a file named twice.
    """
    named: dict[Path, str | Path] = {}
    files = []
    for given in paths:
        for path in _expand(given, base):
            real = path.resolve()
            if real in named:
                raise SourceError(f"{path}: named twice, by '{named[real]}' and by '{given}'; name it once")
            named[real] = given
            files.append(SourceFile.at(path))
    return tuple(files)


def content_sha256(file: SourceFile) -> str:
    """Return the SHA-256 of the file's bytes as they lie on the disk, in hexadecimal."""
    with file.path.open("rb") as raw:
        return hashlib.file_digest(raw, "sha256").hexdigest()


def natural_key(path: Path) -> tuple[tuple[tuple[int, int, str], ...], ...]:
    """Return a sort key under which `part-2` comes before `part-10`, folder by folder."""
    return tuple(tuple(_piece_key(piece) for piece in _DIGITS.split(part) if piece) for part in path.parts)


def _piece_key(piece: str) -> tuple[int, int, str]:
    # isascii keeps digits such as "²" away from int(), which refuses them
    return (0, int(piece), piece) if piece.isascii() and piece.isdigit() else (1, 0, piece)


def _expand(given: str | Path, base: Path) -> Iterable[Path]:
    path = base / Path(given).expanduser()
    if path.is_dir():
        return _folder(path)
    if path.exists():
        return (path,)
    if glob.has_magic(str(given)):
        return _matches(path)
    raise SourceError(f"{path}: no such file or folder{_nearest(path)}")


def _folder(folder: Path) -> list[Path]:
    found = sorted(_readable(folder), key=natural_key)
    if not found:
        raise SourceError(f"{folder}: the folder holds no file that can be read; {READ}")
    return found


def _readable(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and _ENDING.search(path.name) and path.is_file():
            yield path


def _matches(pattern: Path) -> list[Path]:
    # pathlib cannot start a pattern at an absolute path
    found = [Path(match) for match in glob.glob(str(pattern), recursive=True)]  # noqa: PTH207
    files = sorted((path for path in found if path.is_file()), key=natural_key)
    if not files:
        raise SourceError(f"{pattern}: no file matches")
    return files


def _nearest(path: Path) -> str:
    if not path.parent.is_dir():
        return ""
    close = difflib.get_close_matches(path.name, [other.name for other in path.parent.iterdir()], n=1, cutoff=0.0)
    return f"; the nearest name there is '{close[0]}'" if close else ""
