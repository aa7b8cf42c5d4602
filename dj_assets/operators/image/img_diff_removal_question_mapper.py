"""Ask in which of two images a removed object is, in the published form."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field

from dj_assets.models.text.pictures import Uint8s
from dj_assets.operators.base import FieldMapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.image_pairs import boxes, corners, framed, pairs, texts_of
from dj_assets.operators.kinds.language_model import filled
from dj_assets.operators.kinds.media_maker import MediaWriter, files_of
from dj_assets.operators.kinds.painted_files import ImageFormat, encoded
from dj_assets.operators.kinds.removals import OBJECT, RemovalOperator
from dj_assets.operators.registry import register

_QUESTION = (
    "Which picture holds the object that is described here? {object}\nA. the left one\nB. the right one\n"
    "Answer with the letter only."
)
_TURN = pa.struct([("from", pa.string()), ("value", pa.string())])
_LETTERS = "AB"


@register("img_diff_removal_question_mapper")
class ImgDiffRemovalQuestionMapper(RemovalOperator, MediaWriter, FieldMapper):
    """Write a question about the side that has a removed object, in the form of the published records.

    The image with the object is on the left or on the right: a hash of `seed`, both images and the box decides. Both
    get a red frame, `frame_width` pixels wide, around the box grown by `grow` pixels. Written are `marked_images`, the
    left and the right image, in the folder `media` of the output; `conversations` (`question`, which has `{object}`,
    and the letter); `bbox`, the corners in whole pixels; and `path`, the common name of both pictures. A sample without
    a description has none of them.
    """

    fields: ClassVar[Mapping[str, pa.DataType]] = {
        "marked_images": pa.list_(pa.string()),
        "conversations": pa.list_(_TURN),
        "bbox": pa.list_(pa.int64()),
        "path": pa.string(),
    }

    save_field: str | None = "marked_images"
    question: str = _QUESTION
    grow: int = Field(default=15, ge=0)
    frame_width: int = Field(default=3, ge=1)
    seed: int = 864
    image_format: ImageFormat = "jpg"

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the record of every sample."""
        records: list[dict[str, Any] | None] = []
        if len(batch):
            samples = zip(pairs(batch), boxes(batch), texts_of(batch, OBJECT), strict=True)
            records = [self._record(batch, *sample) if sample[2] else None for sample in samples]
        return {
            name: pa.array([record and record[name] for record in records], kind) for name, kind in self.fields.items()
        }

    def _record(self, batch: Batch, pair: tuple[Uint8s, Uint8s], box: list[float], what: str) -> dict[str, Any]:
        files, bbox = files_of(batch), list(corners(box, pair[0]))
        marked = [framed(picture, box, self.grow, self.frame_width) for picture in pair]
        names = [files.write(encoded(picture, self.image_format), f".{self.image_format}") for picture in marked]
        named = hashlib.sha256(f"{self.seed}|{'|'.join(names)}|{bbox}".encode()).hexdigest()
        side = int(named[-1], 16) % 2
        return {
            "marked_images": names if side == 0 else names[::-1],
            "conversations": [
                {"from": "human", "value": filled(self.question, object=what)},
                {"from": "gpt", "value": _LETTERS[side]},
            ],
            "bbox": bbox,
            "path": named[:32],
        }
