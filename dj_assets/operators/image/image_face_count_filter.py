"""Filter samples by the number of faces in their images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import pyarrow as pa

from dj_assets.media.faces import Faces
from dj_assets.operators.base import Limit, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import ListRangeFilter
from dj_assets.operators.registry import register
from dj_assets.operators.views.media_batch import media


@register("image_face_count_filter")
class ImageFaceCountFilter(ListRangeFilter):
    """Keep samples with a number of faces between two bounds, in any or all of their images.

    Faces are found by the frontal detector of dlib, in images of at most 1600 pixels a side. Data-Juicer uses a cascade
    of OpenCV, which OpenCV 5 does not have; `cv_classifier` and its parameters have no effect.
    """

    media: ClassVar[Literal["images"]] = "images"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision", "dlib": "faces"}
    bounds: ClassVar[tuple[str, str]] = ("min_face_count", "max_face_count")
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("face_counts", pa.list_(pa.int64()), "faces in each image"),
    )

    min_face_count: Limit = 1
    max_face_count: Limit = 1

    def features(self) -> tuple[Faces]:
        """Return the faces."""
        return (Faces(),)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the number of faces of every image."""
        counts = [[len(faces) for faces in sample] for sample in media(batch).values("images", Faces())]
        return {"face_counts": pa.array(counts, pa.list_(pa.int64()))}
