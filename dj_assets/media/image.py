"""One open image: its size from the header, its pixels decoded at most once."""

from __future__ import annotations

from functools import cached_property
from typing import IO, TYPE_CHECKING, cast

import numpy as np

from dj_assets.errors import MediaError
from dj_assets.media.file_formats import HEAD_BYTES, named
from dj_assets.media.handed import Content
from dj_assets.media.jpeg import may_be_plain, plain_rgb

if TYPE_CHECKING:
    from PIL.Image import Image

# The limit above which Pillow raises an error; 30,000 x 30,000 pixels exceed it, and would take 2.7 GB.
MAX_PIXELS = 178_956_970
# Formats that are only decoded: no interpreters (EPS, PDF), no system calls (WMF), no containers of other files.
FORMATS = ("BMP", "DIB", "GIF", "ICO", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "TGA", "TIFF", "WEBP", "AVIF")
_ORIENTATION = 0x0112
_TURNED = frozenset({5, 6, 7, 8})


class OpenImage:
    """Hold an open image for its features. It is upright: the EXIF orientation is applied, as Data-Juicer does."""

    def __init__(self, location: Content) -> None:
        self.location = location
        self._file: IO[bytes] | None = None

    @property
    def file_bytes(self) -> int:
        """Return the size of the file in bytes, without opening it."""
        return self.location.file_bytes

    @cached_property
    def size(self) -> tuple[int, int]:
        """Return width and height of the upright image in pixels, from its header: no limit, no decoding."""
        from PIL.Image import Image

        opened = self._opened
        # Pillow would decode a PNG to search for an orientation after its pixels
        exif = Image.getexif(opened) if opened.format == "PNG" else opened.getexif()
        width, height = opened.size
        return (height, width) if exif.get(_ORIENTATION) in _TURNED else (width, height)

    @cached_property
    def pil(self) -> Image:
        """Return the image as Pillow's RGB: alpha dropped, palettes expanded, the first frame of an animation.

        Grey pixels of more than 8 bits are cut off at 255, as in Data-Juicer.
        The missing part of a truncated file is grey or black.

        Raises
        ------
        MediaError
            If the image has more than `MAX_PIXELS` pixels.
        """
        from PIL import Image, ImageOps

        if self._plain is not None:
            picture = Image.fromarray(self._plain)
            picture.info = dict(self._opened.info)
            return picture
        opened = self._opened
        opened.load()
        upright = ImageOps.exif_transpose(opened) if self._is_oriented else opened
        return upright.convert("RGB")

    @cached_property
    def rgb(self) -> np.ndarray:
        """Return the pixels, `uint8`, shape `(height, width, 3)`; read-only.

        Raises
        ------
        MediaError
            If the image has more than `MAX_PIXELS` pixels.
        """
        return self._plain if self._plain is not None else np.asarray(self.pil)

    @property
    def is_plain(self) -> bool:
        """Return whether the pixels are decoded without Pillow, see `media.jpeg`."""
        return self._plain is not None

    @cached_property
    def _plain(self) -> np.ndarray | None:
        """Return the pixels of a plain JPEG file; None if Pillow has to decode the image."""
        opened = self._opened
        width, height = opened.size
        if width * height > MAX_PIXELS:
            raise MediaError(f"{width} x {height} pixels are more than the limit of {MAX_PIXELS}")
        if self._file is None or not may_be_plain(opened, self.file_bytes) or self._is_oriented:
            return None
        before = self._file.tell()
        self._file.seek(0)
        pixels = plain_rgb(self._file.read(), opened.size)
        self._file.seek(before)
        return pixels

    @property
    def _is_oriented(self) -> bool:
        return self._opened.getexif().get(_ORIENTATION) is not None

    @cached_property
    def _opened(self) -> Image:
        from PIL import Image, ImageFile, UnidentifiedImageError

        ImageFile.LOAD_TRUNCATED_IMAGES = True
        # sizes are not limited here; the limit applies to pixels that are decoded
        Image.MAX_IMAGE_PIXELS = None
        self._file = self.location.open()
        try:
            return cast("Image.Image", Image.open(self._file, formats=FORMATS))
        except UnidentifiedImageError:
            self._file.seek(0)
            raise MediaError(f"is no image that can be read{named(self._file.read(HEAD_BYTES))}") from None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> OpenImage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
