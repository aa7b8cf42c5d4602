"""Decode plain JPEG files in one call of libjpeg-turbo, to the pixels that Pillow gives.

Pillow decodes line by line into pixels of four bytes, which are then copied to three. simplejpeg writes three bytes at
once. It only gets files for which both decode the same way: everything else, and everything damaged, is left to Pillow.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

_SUBSAMPLINGS = frozenset({"444", "422", "420"})
_BASELINE_BITS = 8
# A larger file is not held as a whole.
_MOST_BYTES = 64 * 1024 * 1024


@cache
def is_available() -> bool:
    """Return whether simplejpeg is installed, and Pillow has the same decoder: another libjpeg gives other pixels."""
    from PIL import features

    return find_spec("simplejpeg") is not None and bool(features.check_feature("libjpeg_turbo"))


def load_decoder() -> None:
    """Import the decoder in a process from which those that decode are forked."""
    if is_available():
        import simplejpeg  # noqa: F401


def may_be_plain(opened: Image, file_bytes: int) -> bool:
    """Return whether `plain_rgb` may decode an opened file: baseline, in colour, of 8 bits."""
    return (
        opened.format == "JPEG"
        and opened.mode == "RGB"
        and not opened.info.get("progressive")
        and getattr(opened, "bits", 0) == _BASELINE_BITS
        and file_bytes <= _MOST_BYTES
        and is_available()
    )


def plain_rgb(content: bytes, size: tuple[int, int]) -> np.ndarray | None:
    """Return the pixels of a JPEG file, `uint8`, shape `(height, width, 3)`, read-only.

    None means that Pillow has to decode it: the file is damaged in any way, its header says another `size` (width and
    height) than Pillow found, or its colours are stored in another way than luma and two chromas.
    """
    import simplejpeg

    try:
        height, width, colours, subsampling = simplejpeg.decode_jpeg_header(content)
        if (width, height) != size or colours != "YCbCr" or subsampling not in _SUBSAMPLINGS:
            return None
        # strict: a warning of the decoder is an error here
        pixels: np.ndarray = simplejpeg.decode_jpeg(content, "RGB", strict=True)
    except ValueError:
        return None
    pixels.flags.writeable = False
    return pixels
