"""Paint the object in a region of a pair of images away."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, PositiveInt

from dj_assets import settings
from dj_assets.errors import SampleError
from dj_assets.models.painting.back_end import inpainter
from dj_assets.models.painting.inpainter import InpaintRequest
from dj_assets.models.regions.run_lengths import Mask, decoded_mask
from dj_assets.models.store import ModelStore
from dj_assets.models.text.pictures import Picture, Uint8s
from dj_assets.operators.base import FieldMapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.image_pairs import MASK, PairOperator, boxes, corners, pairs, texts_of
from dj_assets.operators.kinds.media_maker import MediaWriter
from dj_assets.operators.kinds.painted_files import ImageFormat, Painted, painted_files
from dj_assets.operators.kinds.removals import IMAGES
from dj_assets.operators.registry import register
from dj_assets.operators.views.media_batch import media
from dj_assets.operators.views.sample_fields import field_values

_PROMPT = "empty background, nothing, the same surface and light as around"


@register("img_diff_removal_mapper")
class ImgDiffRemovalMapper(MediaWriter, PairOperator, FieldMapper):
    """Paint over the region of a box in the image that it was found in, so that the object is gone.

    The image is that of `box_side`; its pixels in `mask`, or in the whole box, are painted by a diffusion model that
    `hf_diffusion` names, from `prompt`. All other pixels stay. The list `removal_images` has the image before and the
    new one, which is in the folder `media` of the output. The seed comes from `seed`, the image and the mask.
    """

    reaches_out: ClassVar[bool] = True
    keeps_calls: ClassVar[bool] = True
    fields: ClassVar[Mapping[str, pa.DataType]] = {IMAGES: pa.list_(pa.string())}

    save_field: str | None = IMAGES
    hf_diffusion: str = "stabilityai/sdxl-turbo"
    torch_dtype: Literal["fp32", "fp16", "bf16"] = "fp16"
    prompt: str = _PROMPT
    strength: Annotated[float, Field(gt=0, le=1)] = 0.85
    guidance_scale: float = 0.0
    num_inference_steps: PositiveInt = 4
    seed: int = 864
    image_format: ImageFormat = "png"

    def models(self) -> tuple[str, ...]:
        """Return the name of the diffusion model, unless plain pictures are painted."""
        return () if settings.painter() == "canned" else (self.hf_diffusion,)

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the image before and after of every sample; none where the box has no pixels."""
        found: list[list[str] | None] = []
        if len(batch):
            found_in = [1 if side == 2 else 0 for side in field_values(batch, "box_side")]
            listed = [paths[side] for paths, side in zip(media(batch).listed("images"), found_in, strict=True)]
            pictures = [pair[side] for pair, side in zip(pairs(batch), found_in, strict=True)]
            samples = zip(listed, pictures, boxes(batch), texts_of(batch, MASK), strict=True)
            found = [self._removed(batch, *sample) for sample in samples]
        return {IMAGES: pa.array(found, pa.list_(pa.string()))}

    def _removed(self, batch: Batch, listed: str, picture: Uint8s, box: list[float], mask: str) -> list[str] | None:
        covered = _covered(mask, box, picture)
        if not covered.any():
            return None
        request = self._request(batch.models, picture, covered)

        def paint() -> Painted:
            folder = batch.models.find(self.hf_diffusion).path if self.models() else None
            made = inpainter(folder).inpaint(request)
            return (made.picture,), made.facts

        (name,) = painted_files(batch, request.key, self._described(request), paint, self.image_format)
        return [listed, name]

    def _request(self, models: ModelStore, picture: Uint8s, covered: Mask) -> InpaintRequest:
        name = f"{self.hf_diffusion}@{models.find(self.hf_diffusion).sha256[:12]}" if self.models() else "canned"
        shown = Picture.of(picture)
        seed = int(hashlib.sha256(f"{self.seed}\0{shown.checksum}\0".encode() + covered.tobytes()).hexdigest()[:15], 16)
        settings_of_call = (self.num_inference_steps, self.strength, self.guidance_scale, self.torch_dtype)
        return InpaintRequest(name, shown, covered, self.prompt, seed, *settings_of_call)

    def _described(self, request: InpaintRequest) -> dict[str, Any]:
        described = request.described()
        return {
            "model": described.pop("model"),
            "messages": [["user", described.pop("prompt")]],
            "sampling": described,
            "prompt": f"{self.name}/{self.version}",
            "attempt": 0,
        }


def _covered(mask: str, box: list[float], picture: Uint8s) -> Mask:
    """Return the pixels to paint over: those of the mask, or of the whole box."""
    if mask:
        try:
            covered = decoded_mask(mask)
        except (ValueError, TypeError) as error:
            raise SampleError(f"{MASK}: {error}") from None
        if covered.shape != picture.shape[:2]:
            raise SampleError(f"{MASK}: is {covered.shape[1]} x {covered.shape[0]} pixels, not as large as the image")
        return covered
    left, top, right, bottom = corners(box, picture)
    covered = np.zeros(picture.shape[:2], np.bool_)
    covered[top:bottom, left:right] = True
    return covered
