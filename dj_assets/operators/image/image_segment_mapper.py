"""Find regions of images by a mask model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import pyarrow as pa
from pydantic import Field, PositiveInt

from dj_assets.media.feature import MediaFeature
from dj_assets.media.pixels_of import Pixels
from dj_assets.models.store import ModelStore
from dj_assets.operators.base import FieldMapper
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.operators.registry import register
from dj_assets.operators.views.media_batch import media
from dj_assets.operators.views.sample_fields import field_values

_Share = Annotated[float, Field(ge=0, le=1)]
_BOXES = f"{META}.__dj__bbox__"
_LISTS = pa.list_(pa.list_(pa.list_(pa.float64())))
# Checkpoints of Ultralytics, whose code has another licence than this project can use.
_OTHER_LICENCE = ("FastSAM", "yolo")


@register("image_segment_mapper")
class ImageSegmentMapper(MediaOperator, FieldMapper):
    """Write the boxes of the regions that a mask model finds in every image into `__dj__bbox__` of `__dj__meta__`.

    There is one list for each image; a box is centre x, centre y, width and height in pixels. A sample that has the
    field already keeps it. The model is one of the SAM family: `model_path`, or `hf_sam` in place of the FastSAM of
    Data-Juicer, whose licence is another one; so boxes differ. Of two masks that overlap by more than `iou`, the worse
    one is left out. `imgsz` and `conf` are those of FastSAM and have no effect; `min_mask_score` and `min_stability`
    take their place.
    """

    media: ClassVar[Literal["images"]] = "images"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision", "transformers": "vision"}
    fields: ClassVar[Mapping[str, pa.DataType]] = {_BOXES: _LISTS}

    imgsz: PositiveInt = 1024
    conf: _Share = 0.05
    iou: _Share = 0.5
    model_path: str = Field("FastSAM-x.pt", min_length=1)
    hf_sam: str = Field("facebook/sam-vit-base", min_length=1)
    min_mask_score: _Share = 0.88
    min_stability: _Share = 0.95
    points_per_side: PositiveInt = 32

    def models(self) -> tuple[str, ...]:
        """Return the name of the mask model."""
        return (self.hf_sam if self.model_path.startswith(_OTHER_LICENCE) else self.model_path,)

    def features_for(self, models: ModelStore) -> tuple[MediaFeature[object], ...]:  # noqa: ARG002
        """Return the pixels of the images."""
        return (Pixels(),)

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the boxes of every sample."""
        if not len(batch):
            return {_BOXES: pa.array([], _LISTS)}
        from dj_assets.models.regions.masks import MaskRegions

        (model,) = self.models()
        limits = (self.min_mask_score, self.min_stability, self.iou, self.points_per_side)
        finder = MaskRegions(batch.models.find(model).path, *limits)
        samples = zip(field_values(batch, _BOXES), media(batch).values("images", Pixels()), strict=True)
        found = [
            known
            if known is not None
            else [[list(region.centred) for region in finder.regions(picture)] for picture in pictures]
            for known, pictures in samples
        ]
        return {_BOXES: pa.array(found, _LISTS)}
