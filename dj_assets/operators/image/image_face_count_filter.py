"""Filter samples by the number of faces in their images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.base import Limit, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.face_filter import FaceFilter
from dj_assets.operators.registry import register


@register("image_face_count_filter")
class ImageFaceCountFilter(FaceFilter):
    """Keep samples with a number of faces between two bounds, in any or all of their images.

    Faces are found by the frontal detector of dlib, in images of at most 1600 pixels a side; or by YuNet (Wu et al.
    2023), if `cv_classifier` names its ONNX file in a folder of models, which also sees turned faces. Data-Juicer uses
    a cascade of OpenCV, which OpenCV 5 does not have; the file and the parameters of a cascade have no effect.
    """

    bounds: ClassVar[tuple[str, str]] = ("min_face_count", "max_face_count")
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("face_counts", pa.list_(pa.int64()), "faces in each image"),
    )

    min_face_count: Limit = 1
    max_face_count: Limit = 1

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the number of faces of every image."""
        counts = [[len(faces) for faces in sample] for sample in self.faces(batch)]
        return {"face_counts": pa.array(counts, pa.list_(pa.int64()))}
