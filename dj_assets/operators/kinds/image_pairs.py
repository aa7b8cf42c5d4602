"""Parts that the operators over pairs of images share: presets, boxes, and the pictures of a pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import model_validator

from dj_assets.errors import SampleError
from dj_assets.media.feature import MediaFeature
from dj_assets.media.pixels_of import Pixels
from dj_assets.models import load
from dj_assets.models.store import ModelStore
from dj_assets.models.text.pictures import Uint8s
from dj_assets.models.vision.pixels import preprocessing
from dj_assets.operators.base import Operator
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.operators.views.media_batch import media
from dj_assets.operators.views.sample_fields import field_values

Preset = Literal["data_juicer", "paper"]
Pair = tuple[Uint8s, Uint8s]
# The field of a sample with its box: centre x, centre y, width and height in pixels of the first image.
BOX = "box"
# The field with the pixels of its region, see `models.regions.run_lengths`.
MASK = "mask"
# The captions of both sides are in the fields `<stem>1` and `<stem>2`.
SIDES = (1, 2)
BLIP_LARGE = "Salesforce/blip-itm-large-coco"


class WithPreset(Operator):
    """Take the parameters that are not given from a preset: the operators of Data-Juicer, or the code of the paper.

    A subclass has the values of the paper in `paper`; the defaults of its fields are those of Data-Juicer.
    """

    paper: ClassVar[Mapping[str, object]] = {}

    preset: Preset = "data_juicer"

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - those of the base class
        super().__init_subclass__(**kwargs)
        # the preset itself measures nothing: its values are parameters
        cls.judging |= {"preset"}

    @model_validator(mode="before")
    @classmethod
    def _of_preset(cls, values: object) -> object:
        if isinstance(values, dict) and values.get("preset") == "paper":
            return {**cls.paper, **values}
        return values


class PairOperator(MediaOperator):
    """Read the two images that every sample lists. The second one is resized to the size of the first one."""

    media: ClassVar[Literal["images"]] = "images"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision"}

    def features_for(self, models: ModelStore) -> tuple[MediaFeature[object], ...]:  # noqa: ARG002
        """Return the pixels of the images."""
        return (Pixels(),)


def pairs(batch: Batch) -> list[Pair]:
    """Return the two pictures of every sample.

    Raises
    ------
    SampleError
        If a sample does not list two images.
    """
    return batch.derive("pairs of pictures", lambda: _pairs(media(batch).values("images", Pixels())))


def _pairs(listed: Sequence[Sequence[Uint8s]]) -> list[Pair]:
    found: list[Pair] = []
    # the children of a pair share its pictures
    seen: dict[tuple[int, int], Pair] = {}
    for pictures in listed:
        if len(pictures) != len(SIDES):
            raise SampleError(f"a pair of images is needed, not {len(pictures)} images")
        first, second = pictures
        key = (id(first), id(second))
        if key not in seen:
            seen[key] = (first, same_size(second, first))
        found.append(seen[key])
    return found


def same_size(picture: Uint8s, like: Uint8s) -> Uint8s:
    """Return a picture resized to the size of another one, by bicubic interpolation."""
    if picture.shape == like.shape:
        return picture
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize((like.shape[1], like.shape[0])))


def corners(box: Sequence[float], picture: Uint8s, grow: int = 0) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a box in whole pixels, cut off at the picture.

    Examples
    --------
    >>> picture = np.zeros((20, 30, 3), np.uint8)
    >>> corners((10.0, 10.0, 5.0, 4.0), picture), corners((1.0, 1.0, 2.0, 2.0), picture, grow=5)
    ((7, 8, 12, 12), (0, 0, 7, 7))
    """
    across, down, width, height = box
    left, top = int(across - width / 2) - grow, int(down - height / 2) - grow
    right, bottom = int(across + width / 2) + grow, int(down + height / 2) + grow
    return max(left, 0), max(top, 0), min(right, picture.shape[1]), min(bottom, picture.shape[0])


def cut(picture: Uint8s, box: Sequence[float], grow: int = 0) -> Uint8s | None:
    """Return the part of a picture in a box; None if the box has no whole pixel."""
    left, top, right, bottom = corners(box, picture, grow)
    return np.ascontiguousarray(picture[top:bottom, left:right]) if right > left and bottom > top else None


def boxes(batch: Batch) -> list[list[float]]:
    """Return the box of every sample.

    Raises
    ------
    SampleError
        If a sample has none.
    """
    found = []
    for value in field_values(batch, BOX):
        if not isinstance(value, list) or len(value) != 4 or None in value:
            raise SampleError(f"has no box in the field {BOX!r}: [centre x, centre y, width, height]")
        found.append([float(number) for number in value])
    return found


def crops(batch: Batch, grow: int = 0) -> list[tuple[Uint8s | None, Uint8s | None]]:
    """Return both crops of the box of every sample; None for a crop without pixels."""
    return [
        (cut(first, box, grow), cut(second, box, grow))
        for (first, second), box in zip(pairs(batch), boxes(batch), strict=True)
    ]


def prepared(path: Path, crop: Uint8s) -> Uint8s:
    """Return a crop as the input of a model: resized and cropped for its checkpoint."""
    return preprocessing(path).geometry.pixels(crop)


def match_scores(
    path: Path, asked: Sequence[tuple[Uint8s | None, Sequence[str]]]
) -> list[tuple[float | None, float | None]]:
    """Return for each crop the largest probability of a match, and the largest cosine, over some texts.

    A crop without pixels has none; without texts, both are 0: nothing matches.
    """
    wanted = [(index, text) for index, (crop, texts) in enumerate(asked) if crop is not None for text in texts]
    found: list[tuple[float | None, float | None]] = [(None if crop is None else 0.0,) * 2 for crop, _ in asked]
    if not wanted:
        return found
    model = load.image_text_matcher(path)
    used = list(dict.fromkeys(index for index, _ in wanted))
    texts = list(dict.fromkeys(text for _, text in wanted))
    seen = model.seen([prepared(path, crop) for index in used if (crop := asked[index][0]) is not None])
    indices = [(used.index(index), texts.index(text)) for index, text in wanted]
    scores, cosines = model.both_scores(seen, texts, indices)
    best: dict[int, list[float]] = {}
    for (index, _), score, cosine in zip(wanted, scores.tolist(), cosines.tolist(), strict=True):
        so_far = best.setdefault(index, [score, cosine])
        best[index] = [max(so_far[0], score), max(so_far[1], cosine)]
    for index, (score, cosine) in best.items():
        found[index] = (score, cosine)
    return found


def relative(box: Sequence[float], picture: Uint8s) -> str:
    """Return the corners of a box as shares of width and height, two decimals each: `[0.25, 0.50, 0.75, 1.00]`."""
    across, down, width, height = box
    high, wide = picture.shape[:2]
    sides = (across - width / 2, down - height / 2, across + width / 2, down + height / 2)
    shares = (side / length for side, length in zip(sides, (wide, high, wide, high), strict=True))
    return "[" + ", ".join(f"{min(max(share, 0.0), 1.0):.2f}" for share in shares) + "]"


def framed(picture: Uint8s, box: Sequence[float], grow: int = 5, thickness: int = 3) -> Uint8s:
    """Return a picture with a red frame around a box, `grow` pixels larger on each side, within the picture."""
    from PIL import Image, ImageDraw

    image = Image.fromarray(picture)
    left, top, right, bottom = corners(box, picture, grow)
    ImageDraw.Draw(image).rectangle(
        (left, top, max(right - 1, left), max(bottom - 1, top)), outline=(255, 0, 0), width=thickness
    )
    return np.asarray(image)


def joined(pair: Pair, bar: int = 20) -> Uint8s:
    """Return both pictures side by side, with a black bar between them."""
    between = np.zeros((pair[0].shape[0], bar, 3), np.uint8)
    return np.concatenate((pair[0], between, pair[1]), axis=1)


def texts_of(batch: Batch, key: str) -> list[str]:
    """Return a field of every sample as a text, empty if it is none."""
    return [value if isinstance(value, str) else "" for value in field_values(batch, key)]


def words_of(batch: Batch, key: str) -> list[list[str]]:
    """Return a field of every sample as a list of texts."""
    values: list[Any] = field_values(batch, key)
    return [[str(word) for word in value] if isinstance(value, list) else [] for value in values]
