"""Describe clips by captions of their frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from dj_assets.media.tokens import SpecialTokens
from dj_assets.models.store import ModelStore
from dj_assets.models.vision.pixels import preprocessing
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.captioning import Captioning
from dj_assets.operators.registry import register
from dj_assets.operators.views.crops import Flips, FrameCrops, Sampling
from dj_assets.operators.views.media_batch import media


@register("video_captioning_from_frames_mapper")
class VideoCaptioningFromFramesMapper(Captioning):
    """Make a sample with captions of the clips of each sample, by a model such as BLIP that describes frames.

    The caption of a clip is those of its frames with ". " between them. The new sample, a child, stays next to the
    original one, or replaces it; a sample without clips has none. In the text of the child, each caption follows the
    mark of its clip, and other text is left out; with `text_update_strategy: keep_origin`, the text stays, and the
    captions are the list `caption_field`. With `legacy_split_by_text_token`, only clips with a mark in the text are
    described, chunk by chunk.

    A single caption is the most likely one. Of several (`caption_num`), drawn at random by the content of the frames,
    `keep_candidate_mode` keeps one at random, the one most similar to the text, or all, each in a sample.
    Data-Juicer's default model is BLIP-2 with OPT, whose licence forbids commercial use; name another by `hf_img2seq`,
    such as Salesforce/blip-image-captioning-base. `frame_field` and `trust_remote_code` have no effect.
    """

    media: ClassVar[Literal["videos"]] = "videos"
    packages: ClassVar[Mapping[str, str]] = {"av": "vision", "torch": "vision", "transformers": "vision"}

    frame_sampling_method: Sampling = "all_keyframes"
    frame_num: int = Field(default=3, ge=1)
    horizontal_flip: bool = False
    vertical_flip: bool = False
    text_update_strategy: Literal["rewrite", "keep_origin"] = "rewrite"
    caption_field: str | None = None
    legacy_split_by_text_token: bool = True

    @model_validator(mode="after")
    def _fields_fit(self) -> VideoCaptioningFromFramesMapper:
        if self.text_update_strategy == "keep_origin" and not self.caption_field:
            raise ValueError("text_update_strategy 'keep_origin' needs a caption_field")
        if self.caption_field and self.keep_original_sample:
            raise ValueError("caption_field and keep_original_sample exclude each other")
        return self

    def features_for(self, models: ModelStore) -> tuple[FrameCrops]:
        """Return the frames that the model takes."""
        geometry = preprocessing(models.find(self.hf_img2seq).path).geometry
        flips = Flips(self.horizontal_flip, self.vertical_flip)
        return (FrameCrops(geometry, self.frame_sampling_method, self.frame_num, flips),)

    def pictures(self, batch: Batch) -> list[list[Sequence[np.ndarray]]]:
        """Return the frames of every clip."""
        clips = media(batch).values("videos", *self.features_for(batch.models))
        return [[[*frames] for frames in sample] for sample in clips]

    def listed_in(self) -> str | None:
        """Return the field that lists the captions."""
        return self.caption_field

    def text(self, text: str, captions: Sequence[str], tokens: SpecialTokens) -> str:
        """Return the text with every caption after the mark of its clip, or as it is."""
        if self.text_update_strategy == "keep_origin":
            return text
        if not self.legacy_split_by_text_token:
            return " ".join(tokens.video + caption for caption in captions) + tokens.eoc
        return super().text(text, captions, tokens)
