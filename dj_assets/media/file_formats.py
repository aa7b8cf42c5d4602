"""Name the format of a file that no decoder here reads as an image or a clip, by its first bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping

HEAD_BYTES = 512
_SIGNATURES: Mapping[str, re.Pattern[bytes]] = {
    name: re.compile(pattern, re.DOTALL)
    for name, pattern in {
        "JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n",
        "HEIC": rb".{4}ftyp(?:heic|heix|heim|heis|hevc|hevx|(?:mif1|msf1).*?hei[cxms])",
        "AVIF that is damaged": rb".{4}ftyp(?:avif|avis)",
        "a clip (MP4 or QuickTime)": rb".{4}ftyp",
        "a clip (Matroska or WebM)": rb"\x1a\x45\xdf\xa3",
        "SVG": rb"\s*(?:<\?xml.*?)?(?:<!--.*?-->\s*)?(?:<!DOCTYPE svg.*?)?<svg\b",
        "PDF": rb"%PDF-",
        "EPS or PostScript": rb"%!PS|\xc5\xd0\xd3\xc6",
        "Photoshop (PSD)": rb"8BPS",
        "OpenEXR": rb"\x76\x2f\x31\x01",
        "Radiance HDR": rb"#\?(?:RADIANCE|RGBE)",
        "QOI": rb"qoif",
        "DDS": rb"DDS ",
        "Windows metafile": rb"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF",
        "a web page (HTML)": rb"\s*(?i:<!DOCTYPE html|<html)",
        "a pointer of Git LFS to a file that was not fetched": rb"version https://git-lfs\.github\.com/spec/",
        "JSON": rb"\s*[{\[]",
        "packed (gzip)": rb"\x1f\x8b",
        "packed (zip)": rb"PK\x03\x04",
    }.items()
}


def named(head: bytes) -> str:
    """Return `: it is FORMAT` for a file whose first bytes are known, `: it is empty`, else an empty text."""
    if not head:
        return ": it is empty"
    name = next((name for name, pattern in _SIGNATURES.items() if pattern.match(head)), None)
    return f": it is {name}" if name else ""
