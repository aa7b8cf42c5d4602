"""Describe clips by a vision language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import PositiveInt

from dj_assets.media.small_frames import SmallFrames
from dj_assets.media.tokens import SpecialTokens
from dj_assets.models.store import ModelStore
from dj_assets.models.text.pictures import Picture
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.captioning import CaptionExpander, Captions
from dj_assets.operators.kinds.language_model import LanguageModelOperator, not_empty
from dj_assets.operators.registry import register
from dj_assets.operators.views.media_batch import media

_PROMPT = "These are frames of one video, in order. Describe the video in one short paragraph, and write nothing else."
_LONGEST = 448


@register("video_captioning_from_vlm_mapper")
class VideoCaptioningFromVlmMapper(LanguageModelOperator, CaptionExpander):
    """Make a sample with captions of the clips of each sample, by a vision language model.

    The model sees `frame_num` frames of a clip at equal distances in time, with at most 448 pixels a side; in
    Data-Juicer the model reads the file itself. The new sample, a child, stays next to the original one, or replaces
    it; a sample without clips has none. In the text of the child each caption follows the mark of its clip, and other
    text is left out; a text without marks gets one for each clip. A clip whose call failed has an empty caption.

    Of several captions (`caption_num`), which are asked for with different seeds, `keep_candidate_mode` keeps one at
    random, the one most similar to the text, or all, each in a sample. `prompt_key` names a field with the prompt of a
    sample. `enable_vllm` has no effect.
    """

    sees: ClassVar[bool] = True
    media: ClassVar[Literal["videos"]] = "videos"
    packages: ClassVar[Mapping[str, str]] = {"av": "vision", "PIL": "vision"}

    hf_model: str | None = "Qwen/Qwen3-VL-8B-Instruct"
    system_prompt: str | None = None
    frame_num: PositiveInt = 8

    @property
    def prompts_a_sample(self) -> int:
        """Return the captions of one clip."""
        return self.caption_num

    def features_for(self, models: ModelStore) -> tuple[SmallFrames]:  # noqa: ARG002
        """Return the frames that the model sees."""
        return (SmallFrames(longest=_LONGEST, count=self.frame_num),)

    def candidates(self, batch: Batch, prompts: Sequence[str | None]) -> list[Captions]:
        """Return the captions of every clip of every sample."""
        clips = media(batch).values("videos", *self.features_for(batch.models))
        shown = [tuple(map(Picture.of, frames)) for own in clips for frames in own]
        asked = [wish or _PROMPT for own, wish in zip(clips, prompts, strict=True) for _ in own]
        found = []
        for number in range(self.caption_num):
            seed = {"seed": number} if number else {}
            drawing = self.model_copy(update={"sampling_params": {**self.sampling_params, **seed}})
            found.append(drawing.ask(batch, asked, not_empty, self.system_prompt, images=shown))
        captions = iter([[caption or "" for caption in own] for own in zip(*found, strict=True)])
        return [[next(captions) for _ in own] for own in clips]

    def text(self, text: str, captions: Sequence[str], tokens: SpecialTokens) -> str:
        """Return the text with every caption after the mark of its clip."""
        if tokens.video in text:
            return super().text(text, captions, tokens)
        return " ".join(f"{tokens.video} {caption}" for caption in captions) + tokens.eoc
