"""Make one sample of each region of a pair of images that may show a difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import pyarrow as pa
from pydantic import Field, PositiveInt

from dj_assets.models.regions.finder import GridRegions, RegionFinder
from dj_assets.models.regions.run_lengths import encoded_mask
from dj_assets.models.store import ModelStore
from dj_assets.models.text.object_words import objects
from dj_assets.operators.base import Expander
from dj_assets.operators.batch import TEXT, Batch
from dj_assets.operators.kinds.image_pairs import BOX, MASK, PairOperator, pairs, texts_of
from dj_assets.operators.registry import register
from dj_assets.operators.views.media_batch import media

_Share = Annotated[float, Field(ge=0, le=1)]
_WORDS = pa.list_(pa.string())
_CHILD = pa.struct(
    [
        (TEXT, pa.string()),
        ("pair", pa.string()),
        (BOX, pa.list_(pa.float64())),
        ("box_side", pa.int64()),
        ("box_score", pa.float64()),
        (MASK, pa.string()),
        ("finder", pa.string()),
        ("objects1", _WORDS),
        ("objects2", _WORDS),
    ]
)


@register("img_diff_box_mapper")
class ImgDiffBoxMapper(PairOperator, Expander):
    """Replace every pair of images by one sample for each candidate box.

    Candidates are the regions that the `finder` sees in either image: `sam`, a mask model named by `hf_sam`, or `grid`,
    cells and changed areas without a model. `box` is centre x, centre y, width and height in pixels of the first image,
    `box_side` the image that the region is from, `box_score` the score of the finder; `pair` names the pair. `objects1`
    and `objects2` are the nouns that only the text, and only the field `text_key_second`, have. With `masks`, `mask`
    has the pixels of the region as run lengths in the form of COCO; it is null for a whole box. A pair without regions
    makes no sample.
    """

    packages: ClassVar[Mapping[str, str]] = {**PairOperator.packages, "lemminflect": "synth"}

    finder: Literal["sam", "grid"] = "sam"
    hf_sam: str = "facebook/sam-vit-base"
    min_mask_score: _Share = 0.88
    min_stability: _Share = 0.95
    mask_overlap: _Share = 0.5
    points_per_side: PositiveInt = 32
    cells: PositiveInt = 4
    masks: bool = False
    text_key_second: str = Field("caption2", min_length=1)

    def models(self) -> tuple[str, ...]:
        """Return the name of the mask model, if one is used."""
        return (self.hf_sam,) if self.finder == "sam" else ()

    def expand(self, batch: Batch) -> pa.ListArray:
        """Return the boxes of every pair: those of the first image, then those of the second one."""
        if not len(batch):
            return pa.array([], pa.list_(_CHILD))
        finder = self._finder(batch.models)
        captions = zip(batch.text.to_pylist(), texts_of(batch, self.text_key_second), strict=True)
        samples = zip(captions, pairs(batch), media(batch).listed("images"), strict=True)
        return pa.array([self._boxes(finder, *sample) for sample in samples], pa.list_(_CHILD))

    def _finder(self, models: ModelStore) -> RegionFinder:
        if self.finder == "grid":
            return GridRegions(self.cells)
        from dj_assets.models.regions.masks import MaskRegions

        limits = (self.min_mask_score, self.min_stability, self.mask_overlap)
        return MaskRegions(models.find(self.hf_sam).path, *limits, self.points_per_side)

    def _boxes(self, finder: RegionFinder, captions: tuple[str, str], pair: Any, listed: list[str]) -> list[object]:  # noqa: ANN401
        first_words, second_words = objects(*captions)
        return [
            {
                TEXT: captions[0],
                "pair": "|".join(listed),
                BOX: list(region.centred),
                "box_side": side,
                "box_score": region.score,
                MASK: encoded_mask(region.mask) if self.masks and region.mask is not None else None,
                "finder": self.hf_sam if self.finder == "sam" else f"grid {self.cells}",
                "objects1": first_words,
                "objects2": second_words,
            }
            for side, regions in enumerate(finder.find(*pair), 1)
            for region in regions
        ]
