"""Tar archives in the webdataset format: files with the same name up to the first dot are one sample."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import orjson

from dj_assets.media.archives import members, streamed
from dj_assets.sources.blocks import Piece, Reject, refuse
from dj_assets.sources.lines import Overlong
from dj_assets.sources.sources import SourceFile
from dj_assets.sources.streams import BrokenStreamError, Stream

IMAGES = frozenset("jpg jpeg png webp gif bmp tif tiff".split())
VIDEOS = frozenset("mp4 mkv webm avi mov m4v".split())
TEXTS = ("txt", "caption", "text")
TOKENS = {"images": "<__dj__image>", "videos": "<__dj__video>"}
END = "<|__dj__eoc|>"
_CHUNK_BYTES = 1 << 20


@dataclass
class _Parts:
    """Hold the members of one sample: its media keyed by kind, its caption, its JSON."""

    key: str
    offset: int
    media: dict[str, list[str]] = field(default_factory=lambda: {"images": [], "videos": []})
    text: bytes | None = None
    record: bytes | None = None
    overlong: int = 0


def samples(stream: Stream, file: SourceFile, max_bytes: int) -> Iterator[Piece | Overlong | Reject]:
    """Yield one JSON record per sample of an archive, in its order; captions over `max_bytes` are refused.

    Images and clips are listed as `<archive>/<member>` and are read from the archive. The caption is the member `.txt`
    (or `.caption`, `.text`), else the `caption` or `text` of the member `.json`, whose other keys are the sample's
    fields. The text is one token for each image or clip, the caption, and the token for the end of a chunk; a text that
    has tokens stays unchanged. Other members are ignored.

    Raises
    ------
    BrokenStreamError
        If the archive is truncated or is not a tar archive.
    """
    if file.compression is not None:
        raise BrokenStreamError("a packed tar archive, whose images and clips cannot be read in place; unpack it")
    for row, parts in enumerate(_grouped(stream, max_bytes)):
        piece = Piece(row, parts.offset, None, b"", parts.key)
        if parts.overlong:
            yield Overlong(piece, parts.overlong)
            continue
        try:
            yield piece._replace(raw=orjson.dumps(_record(parts, file.path.name)))
        except (ValueError, TypeError) as error:
            yield refuse(piece, file.path.name, f"broken caption ({error})", parts.key)


def _grouped(stream: Stream, max_bytes: int) -> Iterator[_Parts]:
    """Yield the samples; the members of a sample are adjacent in the archive."""
    parts: _Parts | None = None
    try:
        with streamed(stream) as archive:
            for member in members(archive):
                key, ending = _split(member.name)
                if not member.isfile() or not key:
                    continue
                if parts is None or parts.key != key:
                    if parts is not None:
                        yield parts
                    parts = _Parts(key, member.offset)
                _add(parts, member, ending, archive, max_bytes)
    except tarfile.TarError as error:
        raise BrokenStreamError(f"the tar archive is broken ({error})") from error
    if parts is not None:
        yield parts
    while stream.read(_CHUNK_BYTES):
        # the bytes after the end mark of the archive belong to the checksum
        pass


def _add(parts: _Parts, member: tarfile.TarInfo, ending: str, archive: tarfile.TarFile, max_bytes: int) -> None:
    kind = "images" if ending in IMAGES else "videos" if ending in VIDEOS else None
    if kind is not None:
        parts.media[kind].append(member.name.removeprefix("./"))
    elif (ending in TEXTS or ending == "json") and member.size > max_bytes:
        parts.overlong = member.size
    elif ending in TEXTS or ending == "json":
        content = archive.extractfile(member)
        raw = content.read() if content else b""
        if ending == "json":
            parts.record = raw
        else:
            parts.text = raw


def _split(name: str) -> tuple[str, str]:
    """Return folder and name of a member, the name up to its first dot, and its ending in lower case."""
    path = PurePosixPath(name.removeprefix("./"))
    stem = path.name.split(".", 1)[0]
    return (str(path.with_name(stem)) if stem else ""), path.suffix.lower().removeprefix(".")


def _record(parts: _Parts, archive: str) -> dict[str, object]:
    record: object = orjson.loads(parts.record) if parts.record is not None else {}
    if not isinstance(record, dict):
        raise TypeError("the .json member is no object")
    text = parts.text.decode("utf-8") if parts.text is not None else record.get("caption", record.get("text"))
    media = {kind: [f"{archive}/{name}" for name in names] for kind, names in parts.media.items() if names}
    return {"id": parts.key, **record, "text": _chunk(text, media), **media}


def _chunk(text: object, media: dict[str, list[str]]) -> object:
    """Return a caption with the tokens of its media; other values stay unchanged, to be dropped or refused later."""
    if not isinstance(text, str) or any(token in text for token in TOKENS.values()):
        return text
    tokens = [TOKENS[kind] for kind, names in media.items() for _ in names]
    return " ".join([*tokens, text.strip(), END])
