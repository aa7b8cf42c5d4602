"""Find regions by a mask model of the SAM family (Kirillov et al. 2023), by `transformers`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from dj_assets.models.extras import require
from dj_assets.models.quiet_transformers import without_messages
from dj_assets.models.regions.finder import Region
from dj_assets.models.text.pictures import Uint8s


@dataclass(frozen=True)
class MaskRegions:
    """Return the extents of the masks that a model proposes for points on a grid over each picture.

    `min_score` and `min_stability` are limits for the predicted quality and the stability of a mask, `overlap` is the
    IoU from which on the worse one of two masks is left out. The grid has `points` points on each side. The score of a
    region is the predicted quality.
    """

    folder: Path
    min_score: float = 0.88
    min_stability: float = 0.95
    overlap: float = 0.7
    points: int = 32

    def find(self, first: Uint8s, second: Uint8s) -> tuple[list[Region], list[Region]]:
        """Return the regions of both pictures, in the order of the model."""
        return self.regions(first), self.regions(second)

    def regions(self, picture: Uint8s) -> list[Region]:
        """Return the regions of one picture, in the order of the model."""
        from PIL import Image

        made = _pipeline(self.folder)(
            Image.fromarray(picture),
            points_per_crop=self.points,
            pred_iou_thresh=self.min_score,
            stability_score_thresh=self.min_stability,
            crops_nms_thresh=self.overlap,
        )
        regions = zip(made["masks"], made["scores"], strict=True)
        return [region for mask, score in regions if (region := _extent(np.asarray(mask), float(score))) is not None]


def _extent(mask: np.ndarray, score: float) -> Region | None:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    return Region(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1), score, mask > 0)


@cache
def _pipeline(folder: Path) -> Any:  # noqa: ANN401 - a pipeline of transformers
    require("transformers", "vision")
    require("torchvision", "vision")
    from dj_assets.models.vision.device import device

    without_messages()
    transformers = import_module("transformers")
    on = device().name
    model = transformers.AutoModelForMaskGeneration.from_pretrained(folder, local_files_only=True)
    processor = transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    return transformers.pipeline("mask-generation", model=model, image_processor=processor, device=on)
