"""The old path of `dj_assets.operators.views.crops`, for custom operators; deprecated."""

from __future__ import annotations

from dj_assets.operators.deprecated import moved
from dj_assets.operators.views.crops import Crop, Flips, FrameCrops

__all__ = ["Crop", "Flips", "FrameCrops"]

moved("dj_assets.operators.crops", "dj_assets.operators.views.crops")
