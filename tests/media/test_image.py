from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dj_assets.errors import MediaError
from dj_assets.media.image import MAX_PIXELS, OpenImage
from dj_assets.media.locations import MediaLocation
from tests.media import made


def opened(path: Path) -> OpenImage:
    return OpenImage(MediaLocation(str(path)))


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "bmp", "tiff"])
def test_size_and_pixels(tmp_path: Path, suffix: str) -> None:
    with opened(made.image(tmp_path / f"a.{suffix}", 40, 30)) as image:
        assert image.size == (40, 30)
        assert (image.rgb.shape, image.rgb.dtype) == ((30, 40, 3), np.uint8)


@pytest.mark.parametrize(("orientation", "size"), [(1, (40, 30)), (3, (40, 30)), (6, (30, 40)), (8, (30, 40))])
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_images_are_upright(tmp_path: Path, orientation: int, size: tuple[int, int], suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = made.image(tmp_path / f"a.{suffix}", 40, 30, exif=exif)
    assert opened(path).size == opened(path).pil.size == size


def test_alpha_is_dropped_and_palettes_are_expanded(tmp_path: Path) -> None:
    Image.new("RGBA", (2, 2), (10, 20, 30, 0)).save(tmp_path / "a.png")
    assert opened(tmp_path / "a.png").rgb.tolist() == [[[10, 20, 30]] * 2] * 2
    Image.new("P", (2, 1), 3).save(tmp_path / "p.png")
    assert opened(tmp_path / "p.png").rgb.shape == (1, 2, 3)


def test_a_truncated_file_has_its_size_and_the_rest_is_grey(tmp_path: Path) -> None:
    path = made.image(tmp_path / "a.jpg", 200, 150, quality=90)
    path.write_bytes(path.read_bytes()[:4000])
    image = opened(path)
    assert image.size == (200, 150)
    assert np.unique(image.rgb[-1]).tolist() == [128]


def bomb(path: Path, width: int, height: int) -> Path:
    """Write a PNG of a few kilobytes that claims to be of any size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1_000_000))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def test_a_bomb_has_a_size_and_is_not_decoded(tmp_path: Path) -> None:
    image = opened(bomb(tmp_path / "bomb.png", 30_000, 30_000))
    assert image.size == (30_000, 30_000)
    with pytest.raises(MediaError, match=f"30000 x 30000 pixels are more than the limit of {MAX_PIXELS}"):
        _ = image.rgb


@pytest.mark.parametrize(
    "content", [b"", b"no image", bytes(3000), b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"]
)
def test_what_is_no_image_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(MediaError, match="is no image that can be read"):
        _ = opened(tmp_path / "a.jpg").size
    assert opened(tmp_path / "a.jpg").file_bytes == len(content)


def test_the_suffix_does_not_matter(tmp_path: Path) -> None:
    made.image(tmp_path / "a.png", 40, 30).rename(tmp_path / "a.txt")
    assert opened(tmp_path / "a.txt").size == (40, 30)


def test_an_image_from_its_bytes() -> None:
    content = io.BytesIO()
    Image.fromarray(made.pixels(40, 30)).save(content, "PNG")
    assert OpenImage(MediaLocation("x", content=content.getvalue())).rgb.tolist() == made.pixels(40, 30).tolist()
