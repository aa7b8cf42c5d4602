"""The old names of media features, for custom operators; deprecated."""

from __future__ import annotations

import warnings

from dj_assets.media.feature import ClipFeature, ImageFeature, MediaFeature

__all__ = ["ClipLook", "ImageLook", "Look"]

ImageLook, ClipLook, Look = ImageFeature, ClipFeature, MediaFeature

warnings.warn(
    "dj_assets.media.look is deprecated; import ImageFeature and ClipFeature from dj_assets.media.feature",
    FutureWarning,
    stacklevel=2,
)
