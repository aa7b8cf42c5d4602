"""Plain JPEG files are decoded in one call: to the pixels of Pillow, and never where Pillow decodes otherwise."""

from __future__ import annotations

import io
import random
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dj_assets.media import image as image_module
from dj_assets.media import jpeg
from dj_assets.media.image import OpenImage
from dj_assets.media.locations import MediaLocation
from dj_assets.media.reader import MediaReader
from dj_assets.media.request import Limits, Request
from tests.media import features, made


def encoded(width: int, height: int, mode: str = "RGB", **options: Any) -> bytes:
    content = io.BytesIO()
    Image.fromarray(made.pixels(width, height)).convert(mode).save(content, "JPEG", **options)
    return content.getvalue()


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def decoded(content: bytes) -> tuple[object, bool]:
    """Return the pixels and a file made of the image, or the error; and whether Pillow did not decode it."""
    with OpenImage(MediaLocation("a", content=content)) as image:
        try:
            pixels, again = image.rgb, io.BytesIO()
            image.pil.save(again, "PNG")
        except Exception as error:
            return repr(error), False
        return (pixels.shape, pixels.flags.writeable, pixels.tobytes(), again.getvalue()), image.is_plain


def decoded_alike(content: bytes, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Compare with Pillow alone; return whether it was not needed."""
    outcome, plain = decoded(content)
    with monkeypatch.context() as patch:
        patch.setattr(image_module, "may_be_plain", lambda *_: False)
        assert decoded(content) == (outcome, False)
    return plain


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_plain_files_have_the_pixels_of_pillow(subsampling: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert jpeg.is_available()
    sizes = [(1, 1), (7, 16), (17, 9), (64, 33), (203, 50)]
    for (width, height), quality, restart in product(sizes, (1, 75, 100), (0, 3)):
        options = {"quality": quality, "restart_marker_blocks": restart, "icc_profile": b"x" * 99}
        content = encoded(width, height, subsampling=subsampling, **options)
        assert decoded_alike(content, monkeypatch)


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("L", {}),
        ("CMYK", {}),
        ("RGB", {"progressive": True}),
        ("RGB", {"keep_rgb": True}),
        ("RGB", {"exif": turned(6)}),
    ],
    ids=["grey", "CMYK", "progressive", "colours as they are", "turned"],
)
def test_other_files_are_left_to_pillow(mode: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert not decoded_alike(encoded(40, 30, mode, **options), monkeypatch)


def test_damaged_files_have_the_same_pixels_or_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(1)
    content = encoded(61, 45, quality=90)
    ways: Counter[bool] = Counter()
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(rng.choice((1, 1, 4))):
            damaged[rng.randrange(2, len(damaged))] = rng.randrange(256)
        cut = rng.randrange(2, len(damaged)) if rng.random() < 0.3 else len(damaged)
        ways[decoded_alike(bytes(damaged[:cut]), monkeypatch)] += 1
    # some damage is none to either decoder, such as another quantization
    assert min(ways[True], ways[False]) > 20


def test_without_the_same_library_pillow_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    for absent in ("find_spec", "features"):
        jpeg.is_available.cache_clear()
        with monkeypatch.context() as patch:
            if absent == "find_spec":
                patch.setattr(jpeg, "find_spec", lambda _: None)
            else:
                patch.setattr("PIL.features.check_feature", lambda _: False)
            assert not decoded(encoded(40, 30))[1]
    jpeg.is_available.cache_clear()


def test_the_confined_process_can_load_the_decoder(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(40, 30))
    reader = MediaReader(Limits(60, 4_000_000_000, sandbox="auto"))
    [[name]] = reader.read([Request(MediaLocation(str(tmp_path / "a.jpg")), (features.IsPlain(),))]).result(60)
    reader.close()
    assert name is True
