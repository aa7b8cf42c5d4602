"""Bundles of arXiv: tar archives of papers; each paper is a gzipped LaTeX file or a gzipped tar of its files."""

from __future__ import annotations

import io
import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, cast

from dj_assets.media import archives
from dj_assets.settings import max_record_bytes
from dj_assets.sources.blocks import Piece, RefusedError, Reject, refuse
from dj_assets.sources.lines import Overlong
from dj_assets.sources.sources import Reading, SourceFile, natural_key
from dj_assets.sources.streams import BrokenStreamError, Stream

_CHUNK_BYTES = 1 << 20
_GZIP = 16 + zlib.MAX_WBITS
_MAIN = re.compile(rb"^[^%\n]*\\document(?:class|style)\b", re.MULTILINE)
_OLD_ID = re.compile(r"([a-z-]+(?:\.[A-Z]{2})?)(\d{7})")
_YYMM = re.compile(r"(\d{4})\d{3}$|^(\d{4})\.")


def members(stream: Stream, file: SourceFile, max_bytes: int) -> Iterator[Piece | Overlong | Reject]:
    """Yield the papers of a bundle in its order, still compressed; a paper over `max_bytes` is skipped.

    Papers that arXiv has only as PDF are refused. Rows number the files of the archive.

    Raises
    ------
    BrokenStreamError
        If the archive is truncated or is not a tar archive.
    """
    row = 0
    try:
        with archives.streamed(stream) as bundle:
            for member in archives.members(bundle):
                if not member.isfile():
                    continue
                piece = Piece(row, member.offset, None, b"", member.name)
                row += 1
                if member.name.lower().endswith(".pdf"):
                    yield refuse(piece, file.path.name, "a PDF: the paper has no LaTeX source", paper_id(member.name))
                elif member.size > max_bytes:
                    yield Overlong(piece, member.size)
                else:
                    content = bundle.extractfile(member)
                    yield piece._replace(raw=content.read() if content else b"")
    except tarfile.TarError as error:
        raise BrokenStreamError(f"the tar archive is broken ({error})") from error
    while stream.read(_CHUNK_BYTES):
        # the bytes after the end mark of the archive belong to the checksum
        pass
    if stream.position % tarfile.BLOCKSIZE:
        raise BrokenStreamError("the tar archive breaks off")


def unpack(piece: Piece, reading: Reading) -> dict[str, object]:
    """Return the paper as a record: its LaTeX files in one text, the main file (with a document class) first.

    The others follow in natural order of their names. Unpacked, a paper may have at most 64 MiB. A file that is not
    UTF-8 is read as Latin-1.

    Raises
    ------
    RefusedError
        If it is not gzip, is damaged or too large, or contains no LaTeX.
    """
    own_id = paper_id(piece.name)
    try:
        sources = _latex(_unzipped(piece.raw))
    except RefusedError as refused:
        raise RefusedError(refused.problem, own_id, has_key=True) from None
    text = "\n".join(_decoded(source) for source in sources)
    meta = {"arxiv_id": own_id, "yymm": _yymm(own_id), "files": len(sources), "bundle": reading.place}
    return {"id": own_id, "text": text, "meta": meta}


def paper_id(name: str) -> str:
    """Return the arXiv id of a member: `2101/2101.00001.gz` is 2101.00001, `0001/hep-th0001001.gz` hep-th/0001001."""
    stem = re.sub(r"\.(?:gz|pdf)$", "", PurePosixPath(name).name, flags=re.IGNORECASE)
    old = _OLD_ID.fullmatch(stem)
    return f"{old[1]}/{old[2]}" if old else stem


def _yymm(own_id: str) -> str | None:
    match = _YYMM.search(own_id)
    return (match[1] or match[2]) if match else None


def _unzipped(raw: bytes) -> bytes:
    unzip = zlib.decompressobj(_GZIP)
    try:
        content = unzip.decompress(raw, max_record_bytes())
    except zlib.error as error:
        raise RefusedError(f"no readable gzip ({error})") from None
    if unzip.unconsumed_tail:
        raise RefusedError(f"unpacked more than the {max_record_bytes()} bytes allowed")
    if not unzip.eof:
        raise RefusedError("the gzip breaks off")
    return content


def _latex(content: bytes) -> list[bytes]:
    """Return the LaTeX sources of a paper, main file first."""
    if content.startswith((b"%PDF", b"%!PS")):
        raise RefusedError("a PDF or PostScript file: the paper has no LaTeX source")
    if content[257:262] != b"ustar":
        return [content]
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:", tarinfo=archives.Member) as paper:
            chosen = [
                member for member in archives.members(paper) if member.isfile() and member.name.lower().endswith(".tex")
            ]
            # a sparse member has more bytes than the archive
            if sum(member.size for member in chosen) > max_record_bytes():
                raise RefusedError(f"unpacked more than the {max_record_bytes()} bytes allowed")
            files = {member.name: cast("IO[bytes]", paper.extractfile(member)).read() for member in chosen}
    except tarfile.TarError as error:
        raise RefusedError(f"the tar archive of the paper is broken ({error})") from None
    if not files:
        raise RefusedError("no .tex file among the files of the paper")
    order = sorted(files, key=lambda name: (not _MAIN.search(files[name]), natural_key(Path(name))))
    return [files[name] for name in order]


def _decoded(source: bytes) -> str:
    try:
        return source.decode("utf-8")
    except UnicodeDecodeError:
        return source.decode("latin-1")
