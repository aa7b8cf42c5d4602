"""The pictures of a pair sheet: both images in a size that fits, and a heat map of their difference."""

from __future__ import annotations

import base64
import io

import numpy as np

from dj_assets.models.text.pictures import Uint8s
from dj_assets.operators.kinds.image_pairs import same_size

# From no difference to the largest one: black, violet, red, orange, light yellow.
_COLOURS = np.array([(0, 0, 4), (81, 18, 124), (183, 55, 84), (252, 137, 97), (252, 253, 191)], np.float64)


def heat_map(first: Uint8s, second: Uint8s) -> Uint8s:
    """Return how much the pixels of two images differ as colours, in the size of the first image.

    The value of a pixel is the square root of the mean absolute difference of its channels, of the largest possible
    one: small differences are visible, and equal colours mean the same in all pairs. 0 is black, 1 is light yellow.

    Examples
    --------
    >>> black, white = (np.full((1, 1, 3), value, np.uint8) for value in (0, 255))
    >>> heat_map(black, black)[0, 0].tolist(), heat_map(black, white)[0, 0].tolist()
    ([0, 0, 4], [252, 253, 191])
    """
    differences = np.abs(first.astype(np.int16) - same_size(second, first)).mean(-1)
    values = np.sqrt(differences / 255)
    steps = np.linspace(0, 1, len(_COLOURS))
    channels = [np.interp(values, steps, _COLOURS[:, channel]) for channel in range(3)]
    coloured: Uint8s = np.stack(channels, -1).round().astype(np.uint8)
    return coloured


def reduced(picture: Uint8s, edge: int) -> Uint8s:
    """Return a picture whose longer side has at most `edge` pixels."""
    from PIL import Image

    if max(picture.shape[:2]) <= edge:
        return picture
    image = Image.fromarray(picture)
    image.thumbnail((edge, edge))
    return np.asarray(image)


def png(picture: Uint8s) -> bytes:
    """Return the content of a PNG file."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG", optimize=True)
    return content.getvalue()


def data_url(picture: Uint8s) -> str:
    """Return a picture as a JPEG in a data URL, for a page that needs no other file."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(picture).save(content, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()
