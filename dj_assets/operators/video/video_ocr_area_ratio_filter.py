"""Filter samples by the share of the frames of their clips that texts take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, PositiveInt

from dj_assets.media.small_frames import SmallFrames
from dj_assets.models.store import ModelStore
from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import ListRangeFilter
from dj_assets.operators.registry import register
from dj_assets.operators.views.media_batch import media


@register("video_ocr_area_ratio_filter")
class VideoOcrAreaRatioFilter(ListRangeFilter):
    """Keep samples whose clips, any or all, have texts on a share of the picture between two bounds.

    The statistic is the mean over `frame_sample_num` frames at equal distances of the area of all boxes with text,
    divided by that of the frame. `text_detector` is an ONNX file of a detector in the form of DB in a folder of models:
    those of PaddleOCR in the [zoo of OpenCV](https://github.com/opencv/opencv_zoo/tree/main/models/text_detection_ppocr)
    have the licence Apache-2.0, the default finds Chinese and English. It sees frames in a square of `detector_size`
    pixels. Data-Juicer uses EasyOCR, whose weights are downloaded at the first use; a detector finds texts of all
    languages, so `languages_to_detect` has no effect.
    """

    media: ClassVar[Literal["videos"]] = "videos"
    packages: ClassVar[Mapping[str, str]] = {"av": "vision", "cv2": "vision"}
    bounds: ClassVar[tuple[str, str]] = ("min_area_ratio", "max_area_ratio")
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("video_ocr_area_ratio", pa.list_(pa.float64()), "area of texts / area, of each clip"),
    )

    min_area_ratio: float = 0.0
    max_area_ratio: float = 1.0
    frame_sample_num: PositiveInt = 3
    text_detector: str = Field("text_detection_cn_ppocrv3_2023may.onnx", min_length=1)
    detector_size: int = Field(736, ge=32, multiple_of=32)

    def models(self) -> tuple[str, ...]:
        """Return the file of the detector."""
        return (self.text_detector,)

    def features(self) -> tuple[SmallFrames]:
        """Return the frames, not larger than the detector sees them."""
        return (SmallFrames(longest=self.detector_size, count=self.frame_sample_num),)

    def features_for(self, models: ModelStore) -> tuple[SmallFrames]:  # noqa: ARG002
        """Return the features; the detector does not change them."""
        return self.features()

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the share of every clip."""
        from dj_assets.models.vision.text_detector import text_detector

        clips = media(batch).values("videos", *self.features())
        if not any(clips):
            return {"video_ocr_area_ratio": pa.array(clips, pa.list_(pa.float64()))}
        detector = text_detector(batch.models.find(self.text_detector).path, self.detector_size)
        ratios = [[float(np.mean([detector.ratio(frame) for frame in frames])) for frames in own] for own in clips]
        return {"video_ocr_area_ratio": pa.array(ratios, pa.list_(pa.float64()))}
