"""Tar archives whose headers are damaged or mislead."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping

BLOCK = 512


def member(name: str, content: bytes = b"", **facts: object) -> bytes:
    """Return a member as its header and its padded content; `facts` replace fields of the header."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in facts.items():
        setattr(info, key, value)
    return info.tobuf(tarfile.GNU_FORMAT) + content + b"\0" * (-len(content) % BLOCK)


def header_of_size(name: str, size: bytes, kind: bytes = b"0") -> bytes:
    """Return a header with the 12 bytes of its size as given, and a right checksum."""
    info = tarfile.TarInfo(name)
    info.type = kind
    header = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    header[124:136] = size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def extended(name: str, headers: Mapping[str, str]) -> bytes:
    """Return a member with extended headers of the format PAX."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo(name)
        info.pax_headers = dict(headers)
        archive.addfile(info)
        return packed.getvalue()


def damaged() -> dict[str, bytes]:
    """Return archives by name, each with a healthy sample `first` before the damage and `last` after it."""
    first, last = member("first.txt", b"The first caption."), member("last.txt", b"The last caption.")
    end = b"\0" * 1024
    digits = b"1" * 1_000_000
    middle = {
        "a damaged header": b"\1" * BLOCK,
        "a negative size": header_of_size("a.txt", b"\xff" * 10 + b"\xfe\x00"),
        "a size of exabytes": header_of_size("a.txt", b"\x80" + b"\0" * 3 + b"\x7f" + b"\xff" * 7),
        "a long header of digits": header_of_size("a", b"%011o\0" % len(digits), b"x") + digits + b"\0" * 448,
        "a long name": header_of_size("a", b"%011o\0" % (8 << 30), b"L"),
        "a broken sparse map": extended("a.txt", {"GNU.sparse.map": "0,,", "GNU.sparse.size": "9"}),
        "many headers for one member": (header_of_size("a", b"%011o\0" % 512, b"x") + b"6 a=b\n".ljust(512, b"\0"))
        * 3000,
    }
    return {name: first + part + last + end for name, part in middle.items()}
