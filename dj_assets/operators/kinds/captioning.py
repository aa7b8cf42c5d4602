"""Define the base class of operators that describe images or clips in the text of new samples."""

from __future__ import annotations

import hashlib
import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import PositiveInt

from dj_assets.media.tokens import SpecialTokens
from dj_assets.models import load
from dj_assets.operators.base import Expander
from dj_assets.operators.batch import TEXT, Batch
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.operators.kinds.shingles import separators
from dj_assets.operators.views.media_batch import media
from dj_assets.operators.views.sample_fields import field_values

Captions = list[list[str]]


class CaptionExpander(MediaOperator, Expander):
    """Make a sample with captions of the media of each sample.

    The new sample, a child, stays next to the original one, or replaces it; a sample without media has none. In the
    text of the child, each caption follows the mark of its medium, and other text is left out.

    Of several captions (`caption_num`), `keep_candidate_mode` keeps one at random, the one most similar to the text, or
    all, each in a sample.
    """

    by_default_conditional: ClassVar[bool] = True
    # whether a chunk of the text without media stays as the mark of its end
    keeps_chunks: ClassVar[bool] = False

    caption_num: PositiveInt = 1
    keep_candidate_mode: Literal["random_any", "similar_one_simhash", "all"] = "random_any"
    keep_original_sample: bool = True
    prompt: str | None = None
    prompt_key: str | None = None

    @property
    def keeps_parents(self) -> bool:
        """Return whether the original sample stays."""
        return self.keep_original_sample

    @abstractmethod
    def candidates(self, batch: Batch, prompts: Sequence[str | None]) -> list[Captions]:
        """Return the `caption_num` captions of every listed medium of every sample, given the prompt of each sample."""

    def listed_in(self) -> str | None:
        """Return the field of the child that lists the captions, None if only its text has them."""
        return None

    def text(self, text: str, captions: Sequence[str], tokens: SpecialTokens) -> str:
        """Return the text of a child: marks, and after each of this kind its caption."""
        own = {"images": tokens.image, "videos": tokens.video, "audios": tokens.audio}[self.media]
        marks = re.compile("|".join(map(re.escape, (tokens.image, tokens.audio, tokens.video))))
        left = iter(captions)
        chunks = []
        for piece in text.split(tokens.eoc):
            if own in piece or (self.keeps_chunks and piece.strip()):
                found = marks.findall(piece)
                # a mark without a medium has no caption
                parts = [f"{mark} {next(left, '')} " if mark == own else mark for mark in found]
                chunks.append("".join(parts) + tokens.eoc)
        return "".join(chunks)

    def expand(self, batch: Batch) -> pa.ListArray:
        """Return the children of every sample."""
        seen = media(batch)
        tokens = seen.media_access.keys.tokens
        prompts = field_values(batch, self.prompt_key) if self.prompt_key else [self.prompt] * len(batch)
        listed = seen.listed(self.media)
        wishes = [prompt if isinstance(prompt, str) else None for prompt in prompts]
        found = self.candidates(batch, wishes) if any(listed) else [[] for _ in listed]
        samples = zip(batch.text.to_pylist(), listed, found, strict=True)
        children = [self._children(text, captions, tokens) if paths else [] for text, paths, captions in samples]
        name = self.listed_in()
        fields: Mapping[str, pa.DataType] = {TEXT: pa.string(), **({name: pa.list_(pa.string())} if name else {})}
        return pa.array(children, pa.list_(pa.struct([*fields.items()])))

    def _children(self, text: str, captions: Captions, tokens: SpecialTokens) -> list[dict[str, object]]:
        count = self.caption_num if self.keep_candidate_mode == "all" else 1
        name = self.listed_in()
        made: list[dict[str, object]] = []
        for number in range(count):
            chosen = [self._chosen(own, text, number, tokens) for own in captions]
            made.append({TEXT: self.text(text, chosen, tokens), **({name: chosen} if name else {})})
        return made

    def _chosen(self, candidates: Sequence[str], text: str, number: int, tokens: SpecialTokens) -> str:
        if self.keep_candidate_mode == "all" or len(candidates) == 1:
            return candidates[number]
        if self.keep_candidate_mode == "similar_one_simhash":
            own, *values = _simhashes([tokens.without(text), *candidates])
            return min(zip(values, candidates, strict=True), key=lambda pair: (own ^ pair[0]).bit_count())[1]
        drawn = int(hashlib.sha256("\0".join(candidates).encode()).hexdigest()[:15], 16)
        return candidates[drawn % len(candidates)]


class Captioning(CaptionExpander):
    """Make a sample with captions of the media of each sample, by a model such as BLIP that describes pictures.

    A single caption is the most likely one. Several are drawn at random by the content of the pictures.
    """

    hf_img2seq: str = "Salesforce/blip2-opt-2.7b"

    def models(self) -> tuple[str, ...]:
        """Return the name of the model."""
        return (self.hf_img2seq,)

    @abstractmethod
    def pictures(self, batch: Batch) -> list[list[Sequence[np.ndarray]]]:
        """Return the pictures of every listed medium, nested like the paths."""

    def candidates(self, batch: Batch, prompts: Sequence[str | None]) -> list[Captions]:
        """Return the captions of every listed medium of every sample."""
        samples = zip(self.pictures(batch), prompts, strict=True)
        return [[self._of_medium(batch, own, wish) for own in shown] for shown, wish in samples]

    def _of_medium(self, batch: Batch, pictures: Sequence[np.ndarray], prompt: str | None) -> list[str]:
        model = load.captioner(batch.models.find(self.hf_img2seq).path)
        each = [model.captions(picture, prompt, self.caption_num) for picture in pictures]
        return [". ".join(captions[number] for captions in each) for number in range(self.caption_num)]


def _simhashes(texts: Sequence[str]) -> list[int]:
    """Return the simhash of every text: over pairs of words in lower case, as in Data-Juicer."""
    from dj_assets.kernels.arrays import buffers
    from dj_assets.kernels.simhash import simhash
    from dj_assets.kernels.units import SPLITS

    lower = pa.array([text.lower() for text in texts], pa.string())
    signatures, _ = simhash(*buffers(lower), 2, SPLITS["space"], separators("space"))
    return [int(value) for value in signatures]
