"""Hold the images of a chat: pixels, and the checksum that stands for them in keys and records."""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

Uint8s = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Picture:
    """Hold an image of a chat. Two pictures are equal if their pixels are: the file format changes no key.

    Examples
    --------
    >>> red = Picture.of(np.full((2, 3, 3), (255, 0, 0), np.uint8))
    >>> red == Picture.of(red.pixels.copy()), red.png()[1:4]
    (True, b'PNG')
    """

    checksum: str
    pixels: Uint8s = field(repr=False, compare=False)

    @classmethod
    def of(cls, pixels: Uint8s) -> Picture:
        """Return a picture of RGB pixels, shape `(height, width, 3)`; the checksum is a SHA-256 of size and pixels."""
        digest = hashlib.sha256(f"{pixels.shape}".encode())
        digest.update(np.ascontiguousarray(pixels).tobytes())
        return cls(digest.hexdigest(), pixels)

    def pil(self) -> Image:
        """Return the picture as Pillow's."""
        from PIL import Image

        return Image.fromarray(self.pixels)

    def png(self) -> bytes:
        """Return the content of a PNG file."""
        content = io.BytesIO()
        self.pil().save(content, "PNG")
        return content.getvalue()

    def url(self) -> str:
        """Return the PNG file as a data URL, in which servers take images."""
        return "data:image/png;base64," + base64.b64encode(self.png()).decode()
