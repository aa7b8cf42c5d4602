"""The raw files of a subset: expand paths, folders and globs to an ordered list of readable files."""

from __future__ import annotations

import difflib
import glob
import hashlib
import mimetypes
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Literal, cast

from dj_assets.errors import SourceError
from dj_assets.included import is_sample, sample_path
from dj_assets.media.locations import Root
from dj_assets.sources.datasets_folders import without_descriptions
from dj_assets.sources.lance_tables import fragment_files, is_fragment, is_lance, is_within_lance
from dj_assets.stores.globs import matches
from dj_assets.stores.hub import is_hub, pinned
from dj_assets.stores.path import ObjectPath, SourcePath, found_below
from dj_assets.stores.store import ListedObject
from dj_assets.urls import is_url

Format = Literal["jsonl", "json", "csv", "tsv", "parquet", "arrow", "orc", "lance", "warc", "tar", "xml"]
Compression = Literal["gz", "zst"]

# Formats with one sample per record, and the additional formats of raw files.
PLAIN: tuple[Format, ...] = ("jsonl", "json", "csv", "tsv", "parquet", "arrow", "orc", "warc")
RAW: tuple[Format, ...] = ("tar", "xml")
# Formats whose records are pages of a crawl, which are made samples when they are read.
CRAWLS: tuple[Format, ...] = ("warc",)
COMPRESSIONS: tuple[Compression, ...] = ("gz", "zst")
# Other endings of the same formats.
_ALSO: dict[str, Format] = {"ndjson": "jsonl", "feather": "arrow", "ipc": "arrow", "wet": "warc"}
READ = f"read are {', '.join(f'.{kind}' for kind in PLAIN[:-1])} and .{PLAIN[-1]}, each plain or with .gz or .zst"

_ENDING = re.compile(
    rf"\.({'|'.join((*PLAIN, *RAW, *_ALSO))})(?:\.({'|'.join(COMPRESSIONS)}))?$",
    re.IGNORECASE,
)
# Owner and name of a data set of the hub.
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w-]*/[\w.-]+")
_DIGITS = re.compile(r"(\d+)")


NO_ROOT = Root("")


@dataclass(frozen=True)
class Reading:
    """Hold how the records of a file are converted to samples; the default is no conversion.

    Attributes
    ----------
    text_key
        The key of the text in the records, if it is not the recipe's text key; the text moves to the recipe's key.
    format, language
        The raw format (see `sources.formats`), and the language of the records to take.
    origin
        The origin that is written to the meta field, if a subset has several sources.
    place
        Folder and name of the file, for raw formats that identify records by it.
    media_root
        The root of the paths of the samples' images and clips. It changes no record.
    """

    text_key: str | None = None
    format: str | None = None
    language: str | None = None
    origin: str | None = None
    place: str = ""
    media_root: Root = NO_ROOT

    @property
    def as_it_stands(self) -> bool:
        """Return whether records already are samples."""
        return replace(self, media_root=NO_ROOT) == AS_IT_STANDS


AS_IT_STANDS = Reading()


@dataclass(frozen=True)
class SourceFile:
    """Hold one raw file: its path, its size and time when it was found, and how to read it.

    Many small files are joined into one, whose `members` they are (see `sources.bundles`); its path is that of the
    first one. The members of a fragment of Lance are its files.
    """

    path: SourcePath
    size: int
    mtime_ns: int
    format: Format
    compression: Compression | None = None
    reading: Reading = AS_IT_STANDS
    members: tuple[SourceFile, ...] = ()

    @classmethod
    def at(cls, path: SourcePath, formats: Sequence[Format] = PLAIN, known: ListedObject | None = None) -> SourceFile:
        """Return the file at `path` with the format of its name; `known` is its entry in a listing, if there is one.

        Raises
        ------
        SourceError
            If the name ends in none of `formats`, or if it is no regular file: pipes and devices may have no end.
        """
        if is_fragment(path):
            return cls.of_lance(path)[0]
        detected = _format_of(path, formats)
        if detected is None:
            raise SourceError(f"{path}: {_unread(path, formats)}")
        if known is None:
            facts = path.stat()
            if isinstance(facts, os.stat_result) and not stat.S_ISREG(facts.st_mode):
                raise SourceError(
                    f"{path}: is a {_kind_of(facts.st_mode)}, no regular file; write its content into one"
                )
            known = ListedObject(facts.st_size, facts.st_mtime_ns)
        reading = Reading(format=detected[0]) if detected[0] in CRAWLS else AS_IT_STANDS
        return cls(path, known.size, known.mtime_ns, *detected, reading)

    @classmethod
    def of_lance(cls, folder: SourcePath) -> list[SourceFile]:
        """Return a file for each fragment of a data set of Lance; raises as `fragment_files`."""
        fragments = []
        for files in fragment_files(folder):
            members = tuple(cls(path, path.stat().st_size, path.stat().st_mtime_ns, "lance") for path in files)
            size, newest = sum(member.size for member in members), max(member.mtime_ns for member in members)
            fragments.append(cls(files[0], size, newest, "lance", members=members))
        return fragments

    @property
    def is_joined(self) -> bool:
        """Return whether records of several files are read one file after the other."""
        return bool(self.members) and self.format != "lance"


def resolve(
    paths: Sequence[str | Path],
    base: Path,
    formats: Sequence[Format] = PLAIN,
    in_folders: Sequence[Format] = PLAIN,
    left_out: list[SourcePath] | None = None,
) -> tuple[SourceFile, ...]:
    """Return the files that `paths` name, in the given order, with natural sort inside a folder or glob.

    Parameters
    ----------
    paths
        Files, folders (every readable file below, without hidden ones) and globs (`**` descends), on this machine or,
        as URLs, in an object store, and included sample data, such as `sample:c4`.
    base
        The folder that relative paths start from.
    formats, in_folders
        The formats that are read, and the formats that are searched in a folder.
    left_out
        A list to which the files of folders are added that are not read, without hidden ones and media.

    Raises
    ------
    SourceError
        If a path does not exist, a folder or glob has no files, an ending is unknown, or a file is named twice.
    """
    named: dict[SourcePath, str | Path] = {}
    files = []
    for given in paths:
        for path, known in _expand(given, base, in_folders, [] if left_out is None else left_out):
            name = full_name(path)
            _require_characters(name)
            if name in named:
                raise SourceError(f"{path}: named twice, by '{named[name]}' and by '{given}'; name it once")
            named[name] = given
            files += SourceFile.of_lance(path) if is_lance(path) else [SourceFile.at(path, formats, known)]
    return tuple(files)


def _require_characters(path: SourcePath) -> None:
    """Raise for a path with bytes that are no characters: samples could not be named by it."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        raise SourceError(f"{shown}: the name is not in UTF-8; rename it, for example with convmv") from None


def full_name(path: SourcePath) -> SourcePath:
    """Return the absolute path; links are not followed, since two names of one file are two files."""
    return path if isinstance(path, ObjectPath) else Path(os.path.abspath(path))  # noqa: PTH100


def content_sha256(file: SourceFile) -> str:
    """Return the SHA-256 of the file's bytes on the disk, in hexadecimal; of members, that of their names and sums.

    Raises
    ------
    SourceError
        If it cannot be read, for example because it is gone.
    """
    if file.members:
        return members_sha256([(str(member.path), content_sha256(member)) for member in file.members])
    if not file.size:
        # files of the kernel have no size, and reading them may wait without end
        return hashlib.sha256().hexdigest()
    try:
        with file.path.open("rb") as raw:
            return hashlib.file_digest(raw, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(f"{file.path}: cannot be read ({error.strerror or error})") from error


def members_sha256(members: Sequence[tuple[str, str]]) -> str:
    """Return the SHA-256 of joined files, given the path and the SHA-256 of each, in hexadecimal."""
    return hashlib.sha256("".join(f"{checksum} {path}\n" for path, checksum in members).encode()).hexdigest()


def state_of(file: SourceFile) -> tuple[tuple[int, ...], ...]:
    """Return what changes when a file, or one of its members, is written, replaced or removed, even by its old time."""
    return tuple(_state(each.path) for each in file.members or (file,))


def _state(path: SourcePath) -> tuple[int, ...]:
    """Return size, time of the content, and, of a file on this machine, its number and the time of its last change."""
    try:
        now = path.stat()
    except OSError:
        return ()
    local = (now.st_ino, now.st_ctime_ns) if isinstance(now, os.stat_result) else ()
    return (now.st_size, now.st_mtime_ns, *local)


def is_as_found(file: SourceFile, state: tuple[tuple[int, ...], ...]) -> bool:
    """Return whether a file, or all its members, are as when they were found, and as when their state was taken."""
    found = [(each.size, each.mtime_ns) for each in file.members or (file,)]
    return state_of(file) == state and [one[:2] for one in state] == found


def natural_key(path: PurePath) -> tuple[tuple[tuple[int, int, str], ...], ...]:
    """Return a sort key under which `part-2` comes before `part-10`, folder by folder."""
    return tuple(tuple(_piece_key(piece) for piece in _DIGITS.split(part) if piece) for part in path.parts)


def _piece_key(piece: str) -> tuple[int, int, str]:
    # isascii excludes digits such as "²", which int() refuses
    return (0, int(piece), piece) if piece.isascii() and piece.isdigit() else (1, 0, piece)


def _kind_of(mode: int) -> str:
    kinds = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}
    return kinds.get(stat.S_IFMT(mode), "special file")


def _format_of(path: PurePath, formats: Sequence[Format]) -> tuple[Format, Compression | None] | None:
    ending = _ENDING.search(path.name)
    kind = ending[1].lower() if ending else ""
    kind = _ALSO.get(kind, kind)
    if ending is None or kind not in formats:
        return None
    compression = ending[2].lower() if ending[2] else None
    return cast("Format", kind), cast("Compression | None", compression)


def _unread(path: PurePath, formats: Sequence[Format]) -> str:
    if path.suffix.lower() in {".7z", ".zip", ".rar", ".bz2", ".xz"}:
        return f"{path.suffix} is not read; unpack it first"
    return f"unknown ending; {_readable_endings(formats)}"


def _readable_endings(formats: Sequence[Format]) -> str:
    if tuple(formats) == PLAIN:
        return READ
    return f"read are {', '.join(f'.{kind}' for kind in formats)}, each plain or with .gz or .zst"


def _expand(
    given: str | Path, base: Path, in_folders: Sequence[Format], left_out: list[SourcePath]
) -> Iterable[tuple[SourcePath, ListedObject | None]]:
    """Yield the files that a path names, each with its entry in a listing, if there is one."""
    if is_url(given):
        return _expand_url(str(given), in_folders, left_out)
    return ((path, None) for path in _expand_path(given, base, in_folders, left_out))


def _expand_url(
    url: str, in_folders: Sequence[Format], left_out: list[SourcePath]
) -> list[tuple[SourcePath, ListedObject | None]]:
    path = ObjectPath.of(pinned(url) if is_hub(url) else url)
    facts = path.store.facts() if not glob.has_magic(url) else None
    if facts is not None:
        return [(path, facts)]
    objects = matches(path) if glob.has_magic(url) else _in_store(path, in_folders, left_out)
    return [(match, objects[match]) for match in sorted(objects, key=natural_key)]


def _in_store(
    folder: ObjectPath, formats: Sequence[Format], left_out: list[SourcePath]
) -> dict[ObjectPath, ListedObject]:
    objects = found_below(folder)
    shown = without_descriptions([path for path in objects if not _hidden(path.relative_to(folder))])
    readable = {path: objects[path] for path in shown if _format_of(path, formats)}
    left_out += sorted(path for path in shown if not (path in readable or _is_no_data(path)))
    if any(map(is_within_lance, objects)):
        raise SourceError(f"{folder}: a data set of Lance is read from a folder of this machine; copy it there first")
    if not objects:
        raise SourceError(f"{folder}: no such object, and none below it; write a glob, or check bucket and path")
    if not readable:
        raise SourceError(f"{folder}: no object below it can be read; {_readable_endings(formats)}")
    return readable


def _expand_path(
    given: str | Path, base: Path, in_folders: Sequence[Format], left_out: list[SourcePath]
) -> Iterable[Path]:
    path = sample_path(str(given)) if is_sample(given) else base / Path(given).expanduser()
    if is_lance(path):
        return (path,)
    if path.is_dir():
        return _folder(path, in_folders, left_out)
    if path.exists():
        return (path,)
    if glob.has_magic(str(given)):
        return _matches(path, in_folders)
    raise SourceError(f"{path}: no such file or folder{_on_hub(str(given)) or _nearest(path)}")


def _folder(folder: Path, formats: Sequence[Format], left_out: list[SourcePath]) -> list[Path]:
    shown = without_descriptions([path for path in _below(folder) if _is_file(path, formats)])
    paths = sorted((path for path in shown if _format_of(path, formats) or is_lance(path)), key=natural_key)
    if not paths:
        raise SourceError(f"{folder}: the folder holds no file that can be read; {_readable_endings(formats)}")
    left_out += sorted(path for path in set(shown).difference(paths) if not _is_no_data(path))
    return paths


def _below(folder: Path, above: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """Yield all paths below a folder that are no folders, or data sets of Lance, without hidden ones.

    Links to folders are followed.
    """
    real = folder.resolve()
    if real in above:
        return
    try:
        inside = [*folder.iterdir()]
    except OSError as error:
        raise SourceError(f"{folder}: the folder cannot be read ({error.strerror})") from None
    for path in inside:
        if path.name.startswith("."):
            continue
        if path.is_dir() and not is_lance(path):
            yield from _below(path, above | {real})
        else:
            yield path


def _is_file(path: Path, formats: Sequence[Format]) -> bool:
    """Return whether a path is a file; raise for a link to nothing whose name says that it holds records."""
    if path.is_symlink() and not path.exists() and _format_of(path, formats):
        raise SourceError(f"{path}: is a link to {path.readlink()}, which does not exist; fetch it, or remove the link")
    return path.is_file() or is_lance(path)


def _hidden(path: PurePath) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _is_no_data(path: PurePath) -> bool:
    """Return whether a file has no records by its name: media, which samples name, or a mark such as `_SUCCESS`."""
    kind, _ = mimetypes.guess_type(path.name)
    is_media = (kind or "").partition("/")[0] in {"image", "video", "audio"}
    return is_media or (path.name.startswith("_") and not path.suffix)


def _matches(pattern: Path, formats: Sequence[Format]) -> list[Path]:
    # pathlib cannot start a pattern at an absolute path
    paths = [Path(match) for match in glob.glob(str(pattern), recursive=True)]  # noqa: PTH207
    files = sorted((path for path in paths if _is_file(path, formats)), key=natural_key)
    if not files:
        raise SourceError(f"{pattern}: no file matches")
    return files


def _on_hub(given: str) -> str:
    """Return how a name such as `allenai/c4` is written if a data set of the hub is meant; empty for other names."""
    meant = _HUB_NAME.fullmatch(given) and not _format_of(PurePath(given), (*PLAIN, *RAW))
    return f"; a data set of the hub is written hf://datasets/{given}" if meant else ""


def _nearest(path: Path) -> str:
    if not path.parent.is_dir():
        return ""
    close = difflib.get_close_matches(path.name, [other.name for other in path.parent.iterdir()], n=1, cutoff=0.0)
    return f"; the nearest name there is '{close[0]}'" if close else ""
