"""Blur the faces in clips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from dj_assets.media.blurred import BlurType
from dj_assets.media.blurred_clips import BlurredClipsWithFaces, ClipWithBlurredFaces
from dj_assets.operators.kinds.media_maker import MediaRewriter
from dj_assets.operators.registry import register


@register("video_face_blur_mapper")
class VideoFaceBlurMapper(MediaRewriter):
    """Blur the faces in clips, and list the new files in their place; a clip without faces stays.

    Faces are looked for in every frame by the frontal detector of dlib, in frames of at most 1600 pixels a side: faces
    that are turned, small or hidden may be missed. `blur_type` and `radius` are those of Pillow's filters; `mean` has
    no radius. New clips are H.264 in MP4 files with the sound of the clip, in the folder `media` of the output.
    Data-Juicer uses a cascade of OpenCV, which OpenCV 5 does not have; `cv_classifier`, its parameters and `save_dir`
    have no effect.
    """

    media: ClassVar[Literal["videos"]] = "videos"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision", "av": "vision", "dlib": "faces"}

    blur_type: BlurType = "gaussian"
    radius: float = Field(default=2, ge=0)

    def making(self) -> BlurredClipsWithFaces:
        """Return the blurring."""
        return BlurredClipsWithFaces(ClipWithBlurredFaces(0.0, blur=self.blur_type, radius=self.radius))
