"""Select the boxes of each pair of images that do not overlap."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import pyarrow as pa
from pydantic import Field, PositiveInt

from dj_assets.operators.base import Selector, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.image_pairs import BOX, WithPreset
from dj_assets.operators.registry import register
from dj_assets.operators.sql import Sql
from dj_assets.operators.views.sample_fields import field_values
from dj_assets.operators.views.sample_statistics import statistic_values

_SIMILARITY = "crop_similarity"
# A box is taken if no box of its pair that was taken before overlaps it. Widths and heights count one pixel more, as in
# Data-Juicer. The recursion takes the boxes of all pairs at once, each pair in its order.
_QUERY = """
WITH RECURSIVE listed AS (
    SELECT sample, json_extract_string(value, '$[0]') AS pair, json_extract(value, '$[1]')::DOUBLE[] AS c,
           json_extract(value, '$[2]')::DOUBLE AS similarity
    FROM samples
), placed AS (
    SELECT sample, pair, c, row_number() OVER (PARTITION BY pair ORDER BY {order}) AS place FROM listed
), taken(pair, place, boxes) AS (
    SELECT DISTINCT pair, 0::BIGINT, []::STRUCT(sample BIGINT, c DOUBLE[])[] FROM placed
    UNION ALL
    SELECT t.pair, p.place, CASE
        WHEN len(t.boxes) >= {most} OR len(list_filter(t.boxes, lambda b:
            greatest(0, least(b.c[3], p.c[3]) - greatest(b.c[1], p.c[1]) + 1)
            * greatest(0, least(b.c[4], p.c[4]) - greatest(b.c[2], p.c[2]) + 1)
            > {iou} * ((b.c[3] - b.c[1] + 1) * (b.c[4] - b.c[2] + 1) + (p.c[3] - p.c[1] + 1) * (p.c[4] - p.c[2] + 1)
                - greatest(0, least(b.c[3], p.c[3]) - greatest(b.c[1], p.c[1]) + 1)
                * greatest(0, least(b.c[4], p.c[4]) - greatest(b.c[2], p.c[2]) + 1)))) > 0
        THEN t.boxes ELSE list_append(t.boxes, {{'sample': p.sample, 'c': p.c}}) END
    FROM taken t JOIN placed p ON p.pair = t.pair AND p.place = t.place + 1
)
SELECT unnest(arg_max(boxes, place)).sample AS sample FROM taken GROUP BY pair
"""


@register("img_diff_box_selector")
class ImgDiffBoxSelector(WithPreset, Selector):
    """Keep of each pair of images the boxes that do not overlap a box that is kept before them.

    Two boxes overlap if their intersection over union is above `iou`. The order is that of the boxes (`given`), or the
    least similar crops first (`cosine`, by the statistic `crop_similarity` of an operator before). Of a pair, at most
    `max_boxes` are kept. With `each_side`, the boxes that were found in either image are judged alone. The preset
    `paper` takes the least similar ones first, and at most 5.
    """

    judging: ClassVar[frozenset[str]] = frozenset({"preset", "iou", "box_order", "max_boxes"})
    paper: ClassVar[Mapping[str, object]] = {"box_order": "cosine", "max_boxes": 5}
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("box_of_pair", pa.string(), "pair, corners and similarity as JSON"),
    )

    iou: Annotated[float, Field(ge=0, le=1)] = 0.5
    box_order: Literal["given", "cosine"] = "given"
    max_boxes: PositiveInt | None = None
    each_side: bool = False

    @property
    def reads_statistics(self) -> tuple[str, ...]:
        """Return the similarity of the crops."""
        return (_SIMILARITY,)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return pair, corners and similarity of every box; null for a sample without one."""
        similarities = statistic_values(batch, _SIMILARITY) if len(batch) else []
        sides = field_values(batch, "box_side") if self.each_side else [None] * len(batch)
        named = zip(field_values(batch, "pair"), sides, strict=True)
        names = [pair if side is None else f"{pair}#{side}" for pair, side in named]
        samples = zip(names, field_values(batch, BOX), similarities, strict=True)
        return {"box_of_pair": pa.array([_described(*sample) for sample in samples], pa.string())}

    def selection(self, samples: int) -> Sql:  # noqa: ARG002
        """Return the query of the boxes that are kept."""
        order = Sql("similarity NULLS LAST, sample" if self.box_order == "cosine" else "sample")
        return Sql.of(_QUERY, order=order, most=self.max_boxes or 2**31, iou=self.iou)

    @property
    def reason(self) -> str:
        """Return which boxes are kept."""
        most = f", or more than {self.max_boxes} of the pair" if self.max_boxes else ""
        return f"overlaps a box that is kept (IoU above {self.iou}){most}"


def _described(pair: object, box: object, similarity: object) -> str | None:
    if not isinstance(box, list) or len(box) != 4:
        return None
    across, down, width, height = box
    corners = [across - width / 2, down - height / 2, across + width / 2, down + height / 2]
    return json.dumps([str(pair), corners, similarity], ensure_ascii=False)
