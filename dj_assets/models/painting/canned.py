"""Paint plain pictures from a hash of the captions, for tests and documentation."""

from __future__ import annotations

import hashlib

import numpy as np

from dj_assets.models.painting.inpainter import Inpainted, InpaintRequest
from dj_assets.models.painting.painter import PaintedPair, PaintRequest
from dj_assets.models.text.pictures import Uint8s

_EDGE, _TILES = 64, 4


class CannedPainter:
    """Paint a picture of 4 x 4 tiles, one colour a tile; the second picture has other tiles where words differ.

    Examples
    --------
    >>> pair = CannedPainter().paint(PaintRequest("canned", "a red cat", "a red dog", seed=1))
    >>> pair.first.shape, bool((pair.first != pair.second).any(-1).mean() < 0.5)
    ((64, 64, 3), True)
    """

    def paint(self, request: PaintRequest) -> PaintedPair:
        """Return the pair."""
        width, height = request.size or (_EDGE, _EDGE)
        captions = (request.caption1, request.caption2)
        first, second = (_enlarged(self._tiles(caption, request.seed), width, height) for caption in captions)
        return PaintedPair(first, second, {"back_end": "canned"})

    def _tiles(self, caption: str, seed: int) -> Uint8s:
        tiles = np.frombuffer(hashlib.sha512(str(seed).encode()).digest()[: 3 * _TILES**2], np.uint8).copy()
        for place, word in enumerate(caption.lower().split()):
            colour = hashlib.sha256(word.encode()).digest()[:3]
            tile = place % _TILES**2
            tiles[3 * tile : 3 * tile + 3] = np.frombuffer(colour, np.uint8)
        return tiles.reshape(_TILES, _TILES, 3)


class CannedInpainter:
    """Fill the mask with the mean colour of the rest of the picture, for tests and documentation.

    Examples
    --------
    >>> from dj_assets.models.text.pictures import Picture
    >>> picture = np.zeros((2, 2, 3), np.uint8)
    >>> picture[0, 0] = 90
    >>> request = InpaintRequest("canned", Picture.of(picture), picture[..., 0] > 0, "nothing", seed=1)
    >>> CannedInpainter().inpaint(request).picture.max()
    0
    """

    def inpaint(self, request: InpaintRequest) -> Inpainted:
        """Return the picture with one colour in place of the mask."""
        pixels = request.picture.pixels.copy()
        rest = pixels[~request.mask] if not request.mask.all() else pixels.reshape(-1, 3)
        pixels[request.mask] = rest.mean(0).round().astype(np.uint8)
        return Inpainted(pixels, {"back_end": "canned"})


def _enlarged(tiles: Uint8s, width: int, height: int) -> Uint8s:
    rows, columns = np.arange(height) * _TILES // height, np.arange(width) * _TILES // width
    return np.ascontiguousarray(tiles[rows][:, columns])
