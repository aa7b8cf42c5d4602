"""Kinds of files by their first bytes, to say what a file is whose name says something else."""

from __future__ import annotations

import re

from dj_assets.sources.sources import SourceFile

# The number of bytes that tell the kind of a file.
HEAD_BYTES = 512

_FLAGS = re.DOTALL | re.IGNORECASE
_PACKED = (
    (rb"\x1f\x8b", "packed with gzip", "give its name the ending .gz"),
    (rb"\x28\xb5\x2f\xfd", "packed with Zstandard", "give its name the ending .zst"),
    (rb"BZh[1-9]1AY&SY", "packed with bzip2", "unpack it first"),
    (rb"\xfd7zXZ\0", "packed with xz", "unpack it first"),
    (rb"PK\x03\x04.{26}(\[Content_Types\]\.xml|_rels/|xl/)", "an Excel file", "save it as CSV"),
    (rb"PK\x03\x04", "a ZIP archive", "unpack it first"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first"),
)
_PLAIN = (
    (rb"PAR1\x15", "Parquet", "give its name the ending .parquet"),
    (rb"PARE", "encrypted Parquet", "decrypt it first"),
    (rb"ARROW1\0", "an Arrow file", "give its name the ending .arrow"),
    (rb"FEA1", "Feather of version 1", "write it as Parquet"),
    (rb"Obj\x01", "Avro", "write it as Parquet"),
    (rb"version https://git-lfs", "a pointer of Git LFS, not the file itself", "get the file with 'git lfs pull'"),
    (rb"ORC", "ORC", "give its name the ending .orc"),
    (rb"WARC/[01]\.", "a WARC file", "give its name the ending .warc"),
    (rb"\x93NUMPY", "an array of NumPy", "write it as Parquet"),
    (rb"SQLite format 3\0", "a database of SQLite", "export its table as CSV"),
    (rb"\s*<\?xml", "an XML page", "look at it: it may say why the download failed"),
    (rb"\s*<(!doctype html|html)", "an HTML page", "look at the page: it may say why the download failed"),
    (rb".{257}ustar", "a tar archive", "unpack it first"),
    (rb"\xff\xfe\0\0|\0\0\xfe\xff", "text in UTF-32", "convert it with 'iconv -f UTF-32 -t UTF-8'"),
    (rb"\xff\xfe|\xfe\xff", "text in UTF-16", "convert it with 'iconv -f UTF-16 -t UTF-8'"),
    (rb"\0[^\0]\0[^\0]", "text in UTF-16", "convert it with 'iconv -f UTF-16BE -t UTF-8'"),
    (rb"[^\0]\0[^\0]\0", "text in UTF-16", "convert it with 'iconv -f UTF-16LE -t UTF-8'"),
)
_LONE_RETURN = re.compile(rb"\r[^\r\n]")
_LONE_RETURN_OF_JSON = re.compile(rb"\}[ \t]*\r[ \t]*\{")
_BY_COMPRESSION = {"gz": rb"\x1f\x8b", "zst": rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"}
# The first bytes of formats that are not text; a stream of Arrow begins with a message of at most 256 MiB.
_OWN = {
    "parquet": rb"PAR1",
    "arrow": rb"ARROW1|\xff\xff\xff\xff.{3}[\0-\x0f]",
    "orc": rb"ORC",
    "warc": rb"WARC/",
}


def mistaken_packing(file: SourceFile, head: bytes) -> str | None:
    """Return what a file is, with the cure, if its first bytes are not packed as its name says; None if they are."""
    if not head or file.compression is None or re.match(_BY_COMPRESSION[file.compression], head):
        return None
    kind = _kind_of(head, (*_PACKED, *_PLAIN))
    return kind or f"is not packed, although its name ends in .{file.compression}; take that ending from its name"


def mistaken_content(file: SourceFile, head: bytes) -> str | None:
    """Return what the content of a file is, with the cure, if it is not what its name says; None if it may be."""
    own = _OWN.get(file.format)
    if not head or (own is not None and re.match(own, head, re.DOTALL)):
        return None
    packed = _kind_of(head, _PACKED)
    if packed is not None and file.compression is not None:
        return f"{packed.partition(',')[0]} within .{file.compression}, so packed twice; unpack it once"
    # an archive begins with the name of a member, and XML declares its encoding
    return packed or (None if file.format in {"tar", "xml"} else _kind_of(head, _PLAIN))


def mistaken_line_ends(file: SourceFile, head: bytes) -> str | None:
    """Return that lines end in returns alone, as on old Macs, with the cure; None if they do not."""
    between = _LONE_RETURN_OF_JSON if file.format in {"json", "jsonl"} else _LONE_RETURN
    if b"\n" in head or not between.search(head):
        return None
    return "its lines end in CR alone, without LF; convert it with \"tr '\\r' '\\n'\""


def _kind_of(head: bytes, kinds: tuple[tuple[bytes, str, str], ...]) -> str | None:
    found = next(((kind, cure) for pattern, kind, cure in kinds if re.match(pattern, head, _FLAGS)), None)
    return found and f"is {found[0]}, although its name says something else; {found[1]}"
