"""Filter pairs of images by whether a vision language model takes their content for reasonable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from dj_assets.models.text.pictures import Picture
from dj_assets.operators.base import Filter, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import Condition, Range
from dj_assets.operators.kinds.image_chat import ImageChatOperator, SampledAnswers
from dj_assets.operators.kinds.image_pairs import PairOperator, joined, pairs
from dj_assets.operators.kinds.language_model import not_empty
from dj_assets.operators.registry import register

_PROMPT = (
    "Two images are side by side, with a black bar between them. Is the content of both images reasonable, without "
    "impossible objects or distorted shapes? Answer yes or no."
)
_OPTIONS = ("yes", "no")


@register("image_pair_natural_filter")
class ImagePairNaturalFilter(SampledAnswers, ImageChatOperator, PairOperator, Filter):
    """Keep pairs of images whose content a vision language model takes for reasonable.

    The statistic is 0 if the answer holds "no", in any case, else 1. With `reply: choice` the model chooses between yes
    and no, which always gives an answer; a server must then name log-probabilities. A pair whose call failed has no
    value and is dropped, unless `keep_failed` is on.
    """

    judging: ClassVar[frozenset[str]] = Filter.judging | {"model_params", "keep_failed"}
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("pair_natural", pa.int64(), "0 or 1, -1 for a failed call"),
    )

    hf_model: str = "OpenGVLab/InternVL2-8B"
    max_new_tokens: int = Field(default=5, ge=1)
    temperature: float = Field(default=0.0, ge=0)
    prompt: str = _PROMPT
    bar: int = Field(default=20, ge=0)
    reply: Literal["text", "choice"] = "text"
    keep_failed: bool = False

    @property
    def costly(self) -> bool:
        """Return true: each pair is a call."""
        return True

    @property
    def condition(self) -> Condition:
        """Return that the value is 1, or any but 0."""
        if self.keep_failed:
            return Range(
                "pair_natural", 0, 0, "unnatural", "unnatural", reversed=True, low_closed=False, high_closed=False
            )
        return Range("pair_natural", 1, None, "natural")

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the value of every pair."""
        images = [(Picture.of(joined(pair, self.bar)),) for pair in (pairs(batch) if len(batch) else ())]
        options = _OPTIONS if self.reply == "choice" else ()
        values = self.ask(batch, [self.prompt] * len(images), _value, images=images, options=options)
        return {"pair_natural": pa.array([-1 if value is None else value for value in values], pa.int64())}


def _value(answer: str) -> int:
    """Return 0 for an answer that holds "no", else 1; raise `ValueError` for an empty one."""
    return int("no" not in not_empty(answer).lower())
