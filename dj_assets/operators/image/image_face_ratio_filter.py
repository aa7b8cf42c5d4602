"""Filter samples by the share of their images that a face takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.media.headers import ImageSize
from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.face_filter import FaceFilter
from dj_assets.operators.registry import register
from dj_assets.operators.views.media_batch import media


@register("image_face_ratio_filter")
class ImageFaceRatioFilter(FaceFilter):
    """Keep samples whose largest face takes a share of the image between two bounds, in any or all of their images.

    The statistic is the area of the box of the largest face, divided by that of the image; 0 without a face. Faces are
    found by the frontal detector of dlib, in images of at most 1600 pixels a side; or by YuNet (Wu et al. 2023), if
    `cv_classifier` names its ONNX file in a folder of models, which also sees turned faces. Data-Juicer uses a cascade
    of OpenCV, which OpenCV 5 does not have; the file and the parameters of a cascade have no effect.
    """

    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("face_ratios", pa.list_(pa.float64()), "area of the largest face / area, of each image"),
    )

    min_ratio: float = 0.0
    max_ratio: float = 0.4

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the share of every image."""
        samples = zip(self.faces(batch), media(batch).values("images", ImageSize()), strict=True)
        ratios = [
            [
                max((face.width * face.height for face in faces), default=0) / (width * height)
                for faces, (width, height) in zip(found, sizes, strict=True)
            ]
            for found, sizes in samples
        ]
        return {"face_ratios": pa.array(ratios, pa.list_(pa.float64()))}
