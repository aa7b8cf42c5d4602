"""Describe clips by captions of their frames."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, PositiveInt, model_validator

from dj_assets.media.tokens import SpecialTokens
from dj_assets.models import load
from dj_assets.models.store import ModelStore
from dj_assets.models.vision.pixels import preprocessing
from dj_assets.operators.base import Expander
from dj_assets.operators.batch import TEXT, Batch
from dj_assets.operators.dedup.document_simhash_deduplicator import DocumentSimhashDeduplicator
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.operators.registry import register
from dj_assets.operators.views.crops import Flips, FrameCrops, Sampling
from dj_assets.operators.views.media_batch import media
from dj_assets.operators.views.sample_fields import field_values

Captions = list[list[str]]


@register("video_captioning_from_frames_mapper")
class VideoCaptioningFromFramesMapper(MediaOperator, Expander):
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

    by_default_conditional: ClassVar[bool] = True
    media: ClassVar[Literal["videos"]] = "videos"
    packages: ClassVar[Mapping[str, str]] = {"decord": "vision", "torch": "vision", "transformers": "vision"}

    hf_img2seq: str = "Salesforce/blip2-opt-2.7b"
    caption_num: PositiveInt = 1
    keep_candidate_mode: Literal["random_any", "similar_one_simhash", "all"] = "random_any"
    keep_original_sample: bool = True
    prompt: str | None = None
    prompt_key: str | None = None
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

    @property
    def keeps_parents(self) -> bool:
        """Return whether the original sample stays."""
        return self.keep_original_sample

    def models(self) -> tuple[str, ...]:
        """Return the name of the model."""
        return (self.hf_img2seq,)

    def features_for(self, models: ModelStore) -> tuple[FrameCrops]:
        """Return the frames that the model takes."""
        geometry = preprocessing(models.find(self.hf_img2seq).path).geometry
        flips = Flips(self.horizontal_flip, self.vertical_flip)
        return (FrameCrops(geometry, self.frame_sampling_method, self.frame_num, flips),)

    def expand(self, batch: Batch) -> pa.ListArray:
        """Return the children of every sample."""
        seen = media(batch)
        tokens = seen.media_access.keys.tokens
        prompts = field_values(batch, self.prompt_key) if self.prompt_key else [self.prompt] * len(batch)
        listed = seen.listed("videos")
        clips = seen.values("videos", *self.features_for(batch.models)) if any(listed) else [[] for _ in listed]
        children = []
        for text, paths, frames, prompt in zip(batch.text.to_pylist(), listed, clips, prompts, strict=True):
            wish = prompt if isinstance(prompt, str) else None
            captions = [self._candidates(batch, own, wish) for own in frames]
            children.append(self._children(text, captions, tokens) if paths else [])
        return pa.array(children, pa.list_(self._type))

    @property
    def _type(self) -> pa.DataType:
        listed = [(self.caption_field, pa.list_(pa.string()))] if self.caption_field else []
        return pa.struct([(TEXT, pa.string()), *listed])

    def _candidates(self, batch: Batch, frames: np.ndarray, prompt: str | None) -> list[str]:
        """Return the captions of a clip to choose from."""
        model = load.captioner(batch.models.find(self.hf_img2seq).path)
        each = [model.captions(frame, prompt, self.caption_num) for frame in frames]
        return [". ".join(captions[number] for captions in each) for number in range(self.caption_num)]

    def _children(self, text: str, captions: Captions, tokens: SpecialTokens) -> list[dict[str, object]]:
        count = self.caption_num if self.keep_candidate_mode == "all" else 1
        made: list[dict[str, object]] = []
        for number in range(count):
            chosen = [self._chosen(own, text, number, tokens) for own in captions]
            field: dict[str, object] = {self.caption_field: chosen} if self.caption_field else {}
            kept = self.text_update_strategy == "keep_origin"
            made.append({TEXT: text if kept else self._text(text, chosen, tokens), **field})
        return made

    def _chosen(self, candidates: Sequence[str], text: str, number: int, tokens: SpecialTokens) -> str:
        if self.keep_candidate_mode == "all" or len(candidates) == 1:
            return candidates[number]
        if self.keep_candidate_mode == "similar_one_simhash":
            signing = DocumentSimhashDeduplicator(window_size=2)
            values = signing.sign(Batch.of_texts([tokens.without(text), *candidates])).to_pylist()
            return min(zip(values[1:], candidates, strict=True), key=lambda pair: (values[0] ^ pair[0]).bit_count())[1]
        drawn = int(hashlib.sha256("\0".join(candidates).encode()).hexdigest()[:15], 16)
        return candidates[drawn % len(candidates)]

    def _text(self, text: str, captions: Sequence[str], tokens: SpecialTokens) -> str:
        """Return the text with every caption after the mark of its clip."""
        if not self.legacy_split_by_text_token:
            return " ".join(tokens.video + caption for caption in captions) + tokens.eoc
        marks = re.compile("|".join(map(re.escape, (tokens.image, tokens.audio, tokens.video))))
        left = iter(captions)
        chunks = []
        for piece in text.split(tokens.eoc):
            if tokens.video in piece:
                found = marks.findall(piece)
                # a mark without a clip has no caption
                parts = [f"{mark} {next(left, '')} " if mark == tokens.video else mark for mark in found]
                chunks.append("".join(parts) + tokens.eoc)
        return "".join(chunks)
