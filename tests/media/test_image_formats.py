"""What operators get of images in many formats."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dj_assets.errors import MediaError
from dj_assets.media.image import OpenImage
from dj_assets.media.image_hash import ImageHash
from dj_assets.media.locations import MediaLocation

WIDTH, HEIGHT = 64, 48
RED = np.add.outer(np.zeros(HEIGHT, np.uint8), np.arange(WIDTH, dtype=np.uint8) * 4)
GREEN = np.add.outer(np.arange(HEIGHT, dtype=np.uint8) * 5, np.zeros(WIDTH, np.uint8))
RGB = np.stack([RED, GREEN, 255 - RED], -1)
GREY = np.stack([RED] * 3, -1)
ORIENTATION = 0x0112


def opened(path: Path) -> OpenImage:
    return OpenImage(MediaLocation(str(path)))


def png(pixels: np.ndarray, color_type: int) -> bytes:
    """A PNG of 16 bits per channel, which Pillow does not write in colour."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, color_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def saved(name: str, image: Image.Image, **options: object) -> Callable[[Path], Path]:
    def save(folder: Path) -> Path:
        image.save(folder / name, **options)
        return folder / name

    return save


def of_bytes(name: str, content: bytes) -> Callable[[Path], Path]:
    def save(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return save


PICTURE = Image.fromarray(RGB)
SIXTEEN = RED.astype(np.uint16) * 257
FEW = PICTURE.quantize(16)
ALPHA = Image.fromarray(np.dstack([RGB, RED]))
MOVED = [Image.fromarray(np.roll(RGB, 7 * n, 1)) for n in range(4)]
ANIMATED = {"save_all": True, "append_images": MOVED[1:]}


@pytest.mark.parametrize(
    ("make", "expected", "most"),
    [
        (saved("a.png", PICTURE), RGB, 0),
        (saved("progressive.jpg", PICTURE, progressive=True, quality=95), RGB, 2),
        (saved("cmyk.jpg", PICTURE.convert("CMYK"), quality=95), RGB, 2),
        (saved("cmyk.tif", PICTURE.convert("CMYK")), RGB, 0),
        (saved("lab.tif", PICTURE.convert("LAB")), RGB, 3),
        (saved("grey.png", Image.fromarray(RED)), GREY, 0),
        (of_bytes("rgb16.png", png(RGB.astype(np.uint16) * 257, 2)), RGB, 0),
        (of_bytes("rgba16.png", png(np.dstack([RGB, RED]).astype(np.uint16) * 257, 6)), RGB, 0),
        (of_bytes("greya16.png", png(np.dstack([SIXTEEN, SIXTEEN]), 4)), GREY, 0),
        (saved("float.tif", Image.fromarray(RED.astype(np.float32))), GREY, 0),
        (saved("palette.png", FEW, transparency=3), np.asarray(FEW.convert("RGB")), 0),
        (saved("palette.gif", FEW, transparency=3), np.asarray(FEW.convert("RGB")), 0),
        (saved("alpha.png", ALPHA), RGB, 0),
        (saved("alpha.webp", ALPHA, lossless=True, exact=True), RGB, 0),
        (saved("a.avif", PICTURE, quality=95), RGB, 3),
        (saved("a.jp2", PICTURE), RGB, 0),
        (saved("lzw.tif", PICTURE, compression="tiff_lzw"), RGB, 0),
        (saved("animated.webp", MOVED[0], lossless=True, **ANIMATED), RGB, 0),
        (saved("animated.png", MOVED[0], **ANIMATED), RGB, 0),
        (saved("animated.gif", MOVED[0].quantize(255), **ANIMATED), RGB, 8),
        (saved("animated.avif", MOVED[0], quality=95, **ANIMATED), RGB, 3),
    ],
)
def test_the_pixels_are_those_of_the_picture(
    tmp_path: Path, make: Callable[[Path], Path], expected: np.ndarray, most: int
) -> None:
    path = make(tmp_path)
    with opened(path) as image:
        assert image.size == (WIDTH, HEIGHT)
        assert image.rgb.shape == expected.shape
        assert np.abs(image.rgb.astype(int) - expected).mean() <= most
        assert len(ImageHash("dhash")(image)) == 8


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(tmp_path: Path, ending: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"lossless": True} if ending == "webp" else {"quality": 95}
    PICTURE.save(tmp_path / f"a.{ending}", exif=exif, **(options if ending != "png" else {}))
    turned = {
        1: RGB,
        2: RGB[:, ::-1],
        3: RGB[::-1, ::-1],
        4: RGB[::-1],
        5: RGB.transpose(1, 0, 2),
        6: np.rot90(RGB, -1),
        7: RGB[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(RGB),
    }[orientation]
    with opened(tmp_path / f"a.{ending}") as image:
        assert image.size == turned.shape[1::-1]
        assert np.abs(image.rgb.astype(int) - turned).mean() < 4


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"\xff\x0a" + bytes(60), "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(60), "JPEG XL"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(60), "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(60), "HEIC"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomavc1" + bytes(60), "a clip"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "a web page"),
        (b"%PDF-1.4\n", "PDF"),
        (b"8BPS\0\1" + bytes(60), "PSD"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", "Git LFS"),
        (b"", "it is empty"),
        (b"no format at all", "$"),
    ],
)
def test_a_format_that_is_not_read_is_said_by_name(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with opened(tmp_path / "a.jpg") as image, pytest.raises(MediaError, match=f"is no image that can be read.*{name}"):
        _ = image.size


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_grey_of_16_bits_is_cut_off_as_in_data_juicer(tmp_path: Path, name: str) -> None:
    Image.fromarray(SIXTEEN).save(tmp_path / name)
    with opened(tmp_path / name) as image:
        assert image.size == (WIDTH, HEIGHT)
        assert (image.rgb == np.minimum(SIXTEEN, 255)[..., None]).all()
