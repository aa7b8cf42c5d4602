"""Scale clips whose aspect ratio is outside of bounds."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, model_validator

from dj_assets.media.resized import ResizedToRatio
from dj_assets.operators.kinds.media_maker import MediaRewriter
from dj_assets.operators.registry import register


def _ratio(text: str) -> Fraction:
    return Fraction(text.replace(":", "/").replace(" ", ""))


def _is_ratio(text: str) -> str:
    try:
        ratio = _ratio(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"must be a ratio such as '9/21' or '9:21', not {text!r}") from None
    if ratio <= 0:
        raise ValueError(f"must be above 0, not {text!r}")
    return text


# A number, or a text such as `9/21` or `9:21`.
Ratio = Annotated[
    str,
    BeforeValidator(lambda ratio: str(ratio) if isinstance(ratio, int | float) else ratio),
    AfterValidator(_is_ratio),
]


@register("video_resize_aspect_ratio_mapper")
class VideoResizeAspectRatioMapper(MediaRewriter):
    """Scale clips whose ratio of width to height is outside of bounds, and list the new files in their place.

    The new ratio is the nearer bound. One side grows (`strategy: increase`) or shrinks (`decrease`), and the other
    stays. New clips are H.264 in MP4 files, in the folder `media` of the output. `save_dir` is accepted and has no
    effect.
    """

    media: ClassVar[Literal["videos"]] = "videos"
    packages: ClassVar[Mapping[str, str]] = {"av": "vision"}

    min_ratio: Ratio = "9/21"
    max_ratio: Ratio = "21/9"
    strategy: Literal["increase", "decrease"] = "increase"
    save_dir: str | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if _ratio(self.min_ratio) > _ratio(self.max_ratio):
            raise ValueError(f"min_ratio {self.min_ratio} must be at most max_ratio {self.max_ratio}")
        return self

    def making(self) -> ResizedToRatio:
        """Return the scaling."""
        return ResizedToRatio(_ratio(self.min_ratio), _ratio(self.max_ratio), self.strategy)
