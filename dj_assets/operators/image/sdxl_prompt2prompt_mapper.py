"""Paint pairs of images from pairs of captions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, ClassVar, Literal

import pyarrow as pa
from pydantic import Field, PositiveInt

from dj_assets import settings
from dj_assets.models.painting.back_end import painter
from dj_assets.models.painting.painter import Control, PaintRequest
from dj_assets.models.store import ModelStore
from dj_assets.operators.base import ByParameters, FieldMapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.image_pairs import texts_of
from dj_assets.operators.kinds.media_maker import MediaWriter
from dj_assets.operators.kinds.painted_files import ImageFormat, Painted, painted_files
from dj_assets.operators.registry import register

_MEDIA = pa.list_(pa.string())
_Share = Annotated[float, Field(ge=0, le=1)]


@register("sdxl_prompt2prompt_mapper")
class SdxlPrompt2PromptMapper(MediaWriter, FieldMapper):
    """Paint two images that differ as two captions do, by Stable Diffusion XL with prompt-to-prompt.

    The captions are the text and the field `text_key_second`. Both images start from the same noise; the second one
    takes the self-attention of the first one in the share `self_replace_steps` of the steps, and its cross-attention
    for common words in `cross_replace_steps` of them. `cross_replace_words` has other shares for single words. The seed
    comes from `seed` and the captions, so that equal captions give equal pairs in any order.

    The new files are in the folder `media` of the output. The field `images` lists both; `image_path1` and
    `image_path2` name each, `image_seed` is the seed. A sample without a second caption has none. `output_dir` is
    accepted and has no effect.
    """

    media: ClassVar[Literal["images"]] = "images"
    reaches_out: ClassVar[bool] = True
    keeps_calls: ClassVar[bool] = True
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision"}
    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {
            operator.written_to(operator.keys(operator.media_of_recipe)).images: _MEDIA,
            "image_path1": pa.string(),
            "image_path2": pa.string(),
            "image_seed": pa.int64(),
        }
    )

    hf_diffusion: str = "stabilityai/stable-diffusion-xl-base-1.0"
    torch_dtype: Literal["fp32", "fp16", "bf16"] = "fp32"
    num_inference_steps: PositiveInt = 50
    guidance_scale: float = 7.5
    text_key_second: str = Field("caption2", min_length=1)
    output_dir: str | None = None
    seed: int = 864
    width: PositiveInt | None = None
    height: PositiveInt | None = None
    self_replace_steps: _Share = 0.4
    cross_replace_steps: _Share = 1.0
    cross_replace_words: dict[str, _Share] = Field(default_factory=lambda: {"confetti": 0.8})
    image_format: ImageFormat = "jpg"

    def models(self) -> tuple[str, ...]:
        """Return the name of the diffusion model, unless plain pictures are painted."""
        return () if settings.painter() == "canned" else (self.hf_diffusion,)

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return both files of every sample, and the seed."""
        captions = zip(batch.text.to_pylist(), texts_of(batch, self.text_key_second), strict=True)
        found = [self._painted(batch, *pair) if all(pair) else None for pair in captions]
        lists = [None if pair is None else list(pair[0]) for pair in found]
        each = [[None if names is None else names[side] for names in lists] for side in (0, 1)]
        seeds = [None if pair is None else pair[1] for pair in found]
        names = iter(self.fields.items())
        return {name: pa.array(values, kind) for (name, kind), values in zip(names, (lists, *each, seeds), strict=True)}

    def _painted(self, batch: Batch, first: str, second: str) -> tuple[tuple[str, ...], int]:
        """Return the files of a pair and its seed; the pair is painted unless it was before."""
        request = self._request(batch.models, first, second)

        def paint() -> Painted:
            pair = self._painter(batch.models).paint(request)
            return (pair.first, pair.second), pair.facts

        return painted_files(batch, request.key, self._described(request), paint, self.image_format), request.seed

    def _request(self, models: ModelStore, first: str, second: str) -> PaintRequest:
        usual = (self.width or self.height, self.height or self.width)
        size = (usual[0], usual[1]) if usual[0] and usual[1] else None
        name = "canned"
        if self.models():
            name = f"{self.hf_diffusion}@{models.find(self.hf_diffusion).sha256[:12]}"
        seed = int(hashlib.sha256(f"{self.seed}\0{first}\0{second}".encode()).hexdigest()[:15], 16)
        control = Control(self.self_replace_steps, self.cross_replace_steps, self.cross_replace_words)
        settings_of_call = (self.num_inference_steps, self.guidance_scale, self.torch_dtype, size, control)
        return PaintRequest(name, first, second, seed, *settings_of_call)

    def _painter(self, models: ModelStore) -> Any:  # noqa: ANN401 - a pair painter
        return painter(models.find(self.hf_diffusion).path if self.models() else None)

    def _described(self, request: PaintRequest) -> dict[str, Any]:
        """Return a request in the form of the calls of language models, of which it is one more."""
        described = asdict(request)
        captions = f"1: {described.pop('caption1')}\n2: {described.pop('caption2')}"
        return {
            "model": described.pop("model"),
            "messages": [["user", captions]],
            "sampling": described,
            "prompt": f"{self.name}/{self.version}",
            "attempt": 0,
        }
