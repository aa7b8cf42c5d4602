"""Blur the faces in images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from dj_assets.media.blurred import BlurType
from dj_assets.media.faces import BlurredFaces, BlurredWhereFaces
from dj_assets.operators.kinds.media_maker import MediaRewriter
from dj_assets.operators.registry import register


@register("image_face_blur_mapper")
class ImageFaceBlurMapper(MediaRewriter):
    """Blur the faces in images, and list the new files in their place; an image without faces stays.

    `blur_type` and `radius` are those of Pillow's filters; `mean` has no radius. Faces are found by the frontal
    detector of dlib, in images of at most 1600 pixels a side: turned, small and hidden faces may be missed. New images
    are PNG files, in the folder `media` of the output. Data-Juicer uses a cascade of OpenCV, which OpenCV 5 does not
    have; `cv_classifier`, its parameters and `save_dir` have no effect.
    """

    media: ClassVar[Literal["images"]] = "images"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision", "av": "vision", "dlib": "faces"}

    blur_type: BlurType = "gaussian"
    radius: float = Field(default=2, ge=0)

    def making(self) -> BlurredWhereFaces:
        """Return the blurring."""
        return BlurredWhereFaces(BlurredFaces(self.blur_type, self.radius))
