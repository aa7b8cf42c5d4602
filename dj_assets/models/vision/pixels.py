"""Convert a picture to the pixels that a model takes: resized and cropped for its checkpoint, still as bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dj_assets.errors import UserError
from dj_assets.models.vision.checkpoint import OPEN_CLIP_CONFIG, read_json

if TYPE_CHECKING:
    from PIL.Image import Image

Uint8s = npt.NDArray[np.uint8]
BILINEAR, BICUBIC = 2, 3
_RESAMPLING = {"bilinear": BILINEAR, "bicubic": BICUBIC}
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
# A picture with a larger aspect ratio is cropped before it is resized: one of 30,000 x 1 pixels would become gigabytes.
_ELONGATED = 32


@dataclass(frozen=True)
class Geometry:
    """Define how a picture is resized to `height` x `width` pixels.

    With `shortest_edge`, the shorter side is resized to that length and the centre is cropped. Its offset is rounded
    down as by transformers, or with `centre_rounded` to the nearest even number as by torchvision. Without
    `shortest_edge`, both sides are resized and the aspect ratio is lost. `resample` is Pillow's number of the filter.
    """

    height: int
    width: int
    shortest_edge: int | None = None
    resample: int = BICUBIC
    centre_rounded: bool = False

    def pixels(self, picture: Image | Uint8s) -> Uint8s:
        """Return the pixels of an RGB picture, shape `(height, width, 3)`."""
        rows = np.ascontiguousarray(picture)
        if self.shortest_edge is None:
            return self._resized(rows, (self.width, self.height), (0, 0))
        left, top, width, height = self._placed(rows.shape[1], rows.shape[0])
        if max(width, height) > _ELONGATED * self.shortest_edge:
            return self._cut_first(rows, (left, top), (width, height))
        return self._resized(rows, (width, height), (left, top))

    def _resized(self, rows: Uint8s, size: tuple[int, int], corner: tuple[int, int]) -> Uint8s:
        """Return the resized picture, cropped from a corner on."""
        box = (*corner, corner[0] + self.width, corner[1] + self.height)
        inside = min(corner) >= 0 and box[2] <= size[0] and box[3] <= size[1]
        if self.resample not in (BILINEAR, BICUBIC) or not inside:
            from PIL.Image import fromarray

            return np.asarray(fromarray(rows).resize(size, self.resample).crop(box))
        from dj_assets.kernels.resampling import resized

        return resized(rows, size, box, cubic=self.resample == BICUBIC)

    def _placed(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return the offset of the crop in the resized picture, and the size of the resized picture."""
        edge, short = self.shortest_edge or 0, min(width, height)
        # the longer side is truncated to whole pixels, not rounded
        new_width = edge if width <= height else int(edge * width / short)
        new_height = edge if height <= width else int(edge * height / short)
        left, top = ((new_width - self.width) / 2, (new_height - self.height) / 2)
        whole = round if self.centre_rounded else math.floor
        return whole(left), whole(top), new_width, new_height

    def _cut_first(self, rows: Uint8s, offset: tuple[int, int], size: tuple[int, int]) -> Uint8s:
        from PIL.Image import fromarray

        picture = fromarray(rows)
        across, down = picture.width / size[0], picture.height / size[1]
        left, top = offset
        box = (left * across, top * down, (left + self.width) * across, (top + self.height) * down)
        return np.asarray(picture.resize((self.width, self.height), self.resample, box))


@dataclass(frozen=True)
class Preprocessing:
    """Hold a model's geometry, and the mean and standard deviation that normalise its channels, of values in 0..1."""

    geometry: Geometry
    mean: tuple[float, ...] = CLIP_MEAN
    std: tuple[float, ...] = CLIP_STD


@cache
def preprocessing(folder: Path) -> Preprocessing:
    """Return the preprocessing of pictures that the checkpoint in a folder requires."""
    if (folder / OPEN_CLIP_CONFIG).is_file():
        return _of_open_clip(read_json(folder, OPEN_CLIP_CONFIG), folder)
    return _of_hugging_face(read_json(folder, "preprocessor_config.json"))


def _of_hugging_face(config: dict[str, Any]) -> Preprocessing:
    crops = config.get("do_center_crop", False)
    size = config["size"]
    edge = size.get("shortest_edge") if isinstance(size, dict) else size if crops else None
    height, width = _sides(config.get("crop_size", edge) if crops else size)
    geometry = Geometry(height, width, edge, config.get("resample", BICUBIC))
    return Preprocessing(geometry, tuple(config["image_mean"]), tuple(config["image_std"]))


def _of_open_clip(config: dict[str, Any], folder: Path) -> Preprocessing:
    """Return the preprocessing that open_clip would use; the size is that of the image tower.

    Raises
    ------
    UserError
        If pictures are padded, or scaled to sides that differ: `Geometry` has no such form.
    """
    prepared = config.get("preprocess_cfg", {})
    mode = prepared.get("resize_mode") or "shortest"
    height, width = _sides(config["model_cfg"]["vision_cfg"].get("image_size", 224))
    if mode == "longest" or (mode == "shortest" and height != width):
        raise UserError(
            f"{folder / OPEN_CLIP_CONFIG}: resize_mode {mode!r} for {height} x {width} pixels is not supported; "
            f"use a checkpoint with 'squash', or with square pictures and 'shortest'"
        )
    edge = height if mode == "shortest" else None
    resample = BILINEAR if prepared.get("interpolation") == "bilinear" else BICUBIC
    geometry = Geometry(height, width, edge, resample, centre_rounded=True)
    return Preprocessing(geometry, _three(prepared.get("mean") or CLIP_MEAN), _three(prepared.get("std") or CLIP_STD))


def _three(values: float | Sequence[float]) -> tuple[float, ...]:
    """Return one value for each channel."""
    return (values,) * 3 if isinstance(values, int | float) else tuple(values)


def _sides(size: Any) -> tuple[int, int]:  # noqa: ANN401 - checkpoints write a size in four ways
    """Return height and width of a size: a number for both, a pair, or a mapping."""
    if isinstance(size, dict):
        return size["height"], size["width"]
    height, width = (size, size) if isinstance(size, int) else size[-2:]
    return height, width
