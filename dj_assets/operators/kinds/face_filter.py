"""Define the base class of filters by the faces in images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from dj_assets.media.faces import LONGEST_SIDE, Face, Faces
from dj_assets.media.feature import MediaFeature
from dj_assets.media.headers import ImageSize
from dj_assets.media.thumbnails import ImageThumbnail
from dj_assets.models.store import ModelStore
from dj_assets.models.vision.yunet import yunet
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import ListRangeFilter
from dj_assets.operators.views.media_batch import media

_SUFFIX = ".onnx"


class FaceFilter(ListRangeFilter):
    """Measure the faces in images, found by dlib, or by the YuNet file that `cv_classifier` names.

    A cascade of OpenCV has no effect. Images are searched with at most 1600 pixels a side.
    """

    media: ClassVar[Literal["images"]] = "images"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision", "dlib": "faces"}

    cv_classifier: Annotated[str | None, Field(exclude_if=lambda name: name is None)] = None

    @field_validator("cv_classifier")
    @classmethod
    def _only_yunet(cls, name: str | None) -> str | None:
        return name if name and name.lower().endswith(_SUFFIX) else None

    def models(self) -> tuple[str, ...]:
        """Return the file of the detector, if one is named."""
        return (self.cv_classifier,) if self.cv_classifier else ()

    @property
    def costly(self) -> bool:
        """Return false: both detectors are quick, and statistics of all samples are worth having."""
        return False

    def features(self) -> tuple[MediaFeature[Any], ...]:
        """Return the faces, or the pictures in which they are looked for; and the sizes of the images."""
        return (ImageThumbnail(LONGEST_SIDE) if self.cv_classifier else Faces(), ImageSize())

    def faces(self, batch: Batch) -> list[list[tuple[Face, ...]]]:
        """Return the faces in every image."""
        seen = media(batch)
        if self.cv_classifier is None:
            return seen.values("images", Faces())
        samples = zip(
            seen.values("images", ImageThumbnail(LONGEST_SIDE)), seen.values("images", ImageSize()), strict=True
        )
        detector = yunet(batch.models.find(self.cv_classifier).path)
        return [
            [detector.faces(picture, *size) for picture, size in zip(pictures, sizes, strict=True)]
            for pictures, sizes in samples
        ]

    def features_for(self, models: ModelStore) -> tuple[MediaFeature[Any], ...]:  # noqa: ARG002
        """Return the features; the detector does not change them."""
        return self.features()
