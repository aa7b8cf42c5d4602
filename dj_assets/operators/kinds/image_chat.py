"""Define the base classes of operators that ask a vision language model about images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from dj_assets.media.feature import MediaFeature
from dj_assets.media.pixels_of import Pixels
from dj_assets.models.store import ModelStore
from dj_assets.models.text.pictures import Picture
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.language_model import LanguageModelOperator
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.operators.views.media_batch import media


class SampledAnswers(LanguageModelOperator):
    """Take the sampling parameters of `transformers`; the most likely answer is taken with `temperature` 0."""

    max_new_tokens: int = Field(default=256, ge=1)
    temperature: float = Field(default=0.2, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    num_beams: int = Field(default=1, ge=1)

    def sampling(self) -> Mapping[str, object]:
        """Return the sampling parameters; beams are left out where there is only one."""
        beams = {"num_beams": self.num_beams} if self.num_beams > 1 else {}
        top = {} if self.top_p is None else {"top_p": self.top_p}
        given = {"temperature": self.temperature, "max_tokens": self.max_new_tokens, **top, **beams}
        return {**given, **super().sampling()}


class ImageChatOperator(LanguageModelOperator, MediaOperator):
    """Ask a vision language model about listed images. The calls are kept as those of language models."""

    sees: ClassVar[bool] = True
    media: ClassVar[Literal["images"]] = "images"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision"}

    def features_for(self, models: ModelStore) -> tuple[MediaFeature[object], ...]:  # noqa: ARG002
        """Return the pixels of the images."""
        return (Pixels(),)

    def pictures(self, batch: Batch) -> list[list[Picture]]:
        """Return the distinct images of every sample, in the order of their paths."""
        listed = media(batch).listed("images")
        seen = media(batch).values("images", Pixels())
        return [
            [Picture.of(pixels) for pixels in dict(zip(paths, values, strict=True)).values()]
            for paths, values in zip(listed, seen, strict=True)
        ]
