"""Choose the back end that paints pairs of images, or over a part of one."""

from __future__ import annotations

from pathlib import Path

from dj_assets import settings
from dj_assets.models.painting.inpainter import Inpainter
from dj_assets.models.painting.painter import PairPainter


def painter(folder: Path | None) -> PairPainter:
    """Return the back end that `DJ_PAINTER` names; the model of `diffusers` is in a folder."""
    if folder is None or settings.painter() == "canned":
        from dj_assets.models.painting.canned import CannedPainter

        return CannedPainter()
    from dj_assets.models.painting.diffusion import diffusion_painter

    return diffusion_painter(folder)


def inpainter(folder: Path | None) -> Inpainter:
    """Return the back end that `DJ_PAINTER` names; the model of `diffusers` is in a folder."""
    if folder is None or settings.painter() == "canned":
        from dj_assets.models.painting.canned import CannedInpainter

        return CannedInpainter()
    from dj_assets.models.painting.diffusion_inpainter import diffusion_inpainter

    return diffusion_inpainter(folder)
