"""Images that claim absurd sizes, move, break off, or are files of two formats: quarantined alone, or decoded."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from dj_assets.subset import run_recipe

PROCESS = [{"image_deduplicator": {"method": "dhash"}}]
SIZE = 60_000


def _saved(format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.effect_noise((64, 48), 50).convert("RGB").save(stream, format, **options)
    return stream.getvalue()


def _png(width: int, height: int, rows: int = 1) -> bytes:
    """Return a PNG whose header claims a size; its pixels are all zero, and compress to nearly nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = zlib.compress(b"\0" * min(200_000_000, rows * (1 + 3 * width)), 9)
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _patched(content: bytes, at: int, form: str, *values: int) -> bytes:
    return content[:at] + struct.pack(form, *values) + content[at + struct.calcsize(form) :]


def _jpeg_of_size() -> bytes:
    content = _saved("JPEG")
    return _patched(content, content.index(b"\xff\xc0") + 5, ">HH", SIZE, SIZE)


def _tiff_of_size() -> bytes:
    """Return a TIFF whose tags of width and height claim the size."""
    content = _saved("TIFF")
    start = struct.unpack("<I", content[4:8])[0]
    for entry in range(struct.unpack("<H", content[start : start + 2])[0]):
        at = start + 2 + 12 * entry
        if struct.unpack("<H", content[at : at + 2])[0] in {256, 257}:
            content = _patched(content, at + 2, "<HII", 4, 1, SIZE)
    return content


def _webp_of_size() -> bytes:
    content = _saved("WEBP", lossless=True)
    at = content.index(b"VP8L") + 9
    return _patched(content, at, "<I", 16383 | (16383 << 14))


def _j2k_of_size() -> bytes:
    content = _saved("JPEG2000", no_jp2=True)
    return _patched(content, content.index(b"\xff\x51") + 6, ">II", SIZE, SIZE)


def _animated(format: str) -> bytes:
    stream = io.BytesIO()
    frames = [Image.new("RGB", (64, 48), (number % 256, 0, 0)) for number in range(600)]
    frames[0].save(stream, format, save_all=True, append_images=frames[1:])
    return stream.getvalue()


PNG, JPEG = _saved("PNG"), _saved("JPEG")
ABSURD = {
    "a.png": _png(SIZE, SIZE),
    "zeros.png": _png(2**31 - 1, 2**31 - 1),
    "bomb.png": _png(20_000, 20_000, rows=3_000),
    "a.bmp": _patched(_saved("BMP"), 18, "<ii", SIZE, SIZE),
    "a.gif": _patched(_saved("GIF"), 6, "<HH", 65_535, 65_535),
    "a.jpg": _jpeg_of_size(),
    "a.j2k": _j2k_of_size(),
    "a.tiff": _tiff_of_size(),
    "a.webp": _webp_of_size(),
    "a.ppm": b"P6\n%d %d\n255\n" % (SIZE, SIZE) + b"\0" * 100,
    "a.tga": _patched(_saved("TGA"), 12, "<HH", 65_535, 65_535),
    "a.pcx": _patched(_saved("PCX"), 8, "<HH", 65_534, 65_534),
    "a.ico": b"\0\0\1\0\1\0\0\0\0\0\1\0\x20\0"
    + struct.pack("<II", len(ABSURD_PNG := _png(SIZE, SIZE)), 22)
    + ABSURD_PNG,
}
REFUSED = {
    "a.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "svg.png": b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>',
    "a.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%touch /tmp/x) (w) file\n",
    "eps.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "a.pdf": b"%PDF-1.7\n1 0 obj<</Type/Catalog/OpenAction<</S/Launch/F(x)>>>>endobj\n%%EOF",
    "pdf.png": b"%PDF-1.7\n%%EOF",
    "a.wmf": b"\xd7\xcd\xc6\x9a" + b"\0" * 100,
    "a.psd": b"8BPS\0\1" + b"\0" * 100,
    "html.jpg": b"<html><script>alert(1)</script></html>",
    "empty.png": b"",
    "zip.png": b"PK\3\4" + b"\0" * 100,
}
KEPT = {
    "animated.gif": _animated("GIF"),
    "animated.webp": _animated("WEBP"),
    "animated.png": _animated("PNG"),
    "truncated.jpg": JPEG[: len(JPEG) * 2 // 3],
    "zip_behind.png": PNG + b"PK\3\4" + b"\0" * 100,
    "script_behind.gif": _saved("GIF") + b"<script>alert(1)</script>",
    "pdf_behind.jpg": JPEG + b"%PDF-1.7\n",
    "png_named.jpg": PNG,
}


@pytest.mark.parametrize("kind", ["absurd", "refused", "kept"])
def test_each_image_is_a_matter_of_its_own_sample(tmp_path: Path, kind: str) -> None:
    images = {"absurd": ABSURD, "refused": REFUSED, "kept": KEPT}[kind]
    (tmp_path / "healthy.png").write_bytes(_saved("PNG"))
    for name, content in images.items():
        (tmp_path / name).write_bytes(content)
    names = [*images, "healthy.png"]
    lines = [json.dumps({"id": name, "text": name, "images": [name]}) for name in names]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    result = run_recipe({"process": PROCESS}, [tmp_path / "in.jsonl"], tmp_path / "out", workers=1)
    assert result.samples_in == len(names) == result.samples_out + result.dropped + result.quarantined
    quarantined = {row["id"]: row["error"] for row in pq.read_table(tmp_path / "out/quarantine.parquet").to_pylist()}
    assert "healthy.png" not in quarantined
    assert set(quarantined) == (set() if kind == "kept" else set(images)), quarantined
    assert all(error.startswith((str(tmp_path), name)) for name, error in quarantined.items()), quarantined
