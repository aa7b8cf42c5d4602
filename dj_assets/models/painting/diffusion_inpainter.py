"""Paint over a part of an image with Stable Diffusion XL, by `diffusers`, in this process."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from dj_assets.models.extras import require
from dj_assets.models.painting.checkpoint import DiffusionCheckpoint, as_bytes
from dj_assets.models.painting.inpainter import Inpainted, InpaintRequest


@cache
def diffusion_inpainter(folder: Path) -> DiffusionInpainter:
    """Load the inpainter of a folder, once for each process.

    Raises
    ------
    UserError
        If `diffusers` is not installed.
    """
    require("diffusers", "synth")
    return DiffusionInpainter(folder)


class DiffusionInpainter(DiffusionCheckpoint):
    """Paint over parts of images by a checkpoint of Stable Diffusion XL, such as SDXL-turbo.

    Pixels outside of the mask are those of the image of the request: what the decoder changes there is put back.
    """

    pipeline = "StableDiffusionXLInpaintPipeline"

    def inpaint(self, request: InpaintRequest) -> Inpainted:
        """Return the image."""
        import torch
        from PIL import Image

        started = time.perf_counter()
        pixels = request.picture.pixels
        height, width = pixels.shape[:2]
        with self.lock, torch.inference_mode():
            pipeline = self.loaded(request.dtype)
            (made,) = pipeline(
                prompt=request.prompt,
                image=Image.fromarray(pixels),
                mask_image=Image.fromarray(request.mask.astype(np.uint8) * 255),
                height=_multiple(height, pipeline),
                width=_multiple(width, pipeline),
                num_inference_steps=request.steps,
                strength=request.strength,
                guidance_scale=request.guidance,
                generator=torch.Generator("cpu").manual_seed(request.seed),
                output_type="np",
            ).images
        painted = np.asarray(Image.fromarray(as_bytes(made)).resize((width, height)))
        return Inpainted(np.where(request.mask[..., None], painted, pixels), self.facts(pipeline, started))


def _multiple(length: int, pipeline: Any) -> int:  # noqa: ANN401 - a pipeline of diffusers
    """Return a length that the model can paint, not smaller than the given one."""
    step: int = 8 * max(1, pipeline.vae_scale_factor // 8)
    return -(-length // step) * step
