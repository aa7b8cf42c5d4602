"""Paint pairs of images with Stable Diffusion XL, by `diffusers`, in this process."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import Any

from dj_assets.models.extras import require
from dj_assets.models.painting.checkpoint import DiffusionCheckpoint, as_bytes
from dj_assets.models.painting.painter import PaintedPair, PaintRequest
from dj_assets.models.painting.prompt_to_prompt import AttentionControl, ControlledAttention


@cache
def diffusion_painter(folder: Path) -> DiffusionPainter:
    """Load the painter of a folder, once for each process.

    Raises
    ------
    UserError
        If `diffusers` is not installed.
    """
    require("diffusers", "synth")
    return DiffusionPainter(folder)


class DiffusionPainter(DiffusionCheckpoint):
    """Paint pairs by a checkpoint of Stable Diffusion XL."""

    pipeline = "StableDiffusionXLPipeline"

    def paint(self, request: PaintRequest) -> PaintedPair:
        """Return the pair: both images start from the same noise, and the second one follows the first one."""
        with self.lock:
            return self.painted(request)

    def painted(self, request: PaintRequest, *, controlled: bool = True) -> PaintedPair:
        """Return the pair; not `controlled`, the second image takes nothing from the first one but its noise."""
        import torch

        started = time.perf_counter()
        pipeline = self.loaded(request.dtype)
        usual = pipeline.unet.config.sample_size * pipeline.vae_scale_factor
        width, height = request.size or (usual, usual)
        captions = (request.caption1, request.caption2)
        control = AttentionControl.of(request.control, pipeline.tokenizer, captions, steps=request.steps, width=width)
        control.off = not controlled
        pipeline.unet.set_attn_processor(ControlledAttention(control))

        def count(_pipeline: object, _step: int, _time: object, values: dict[str, Any]) -> dict[str, Any]:
            control.step += 1
            return values

        factor = pipeline.vae_scale_factor
        shape = (1, pipeline.unet.config.in_channels, height // factor, width // factor)
        noise = torch.randn(shape, generator=torch.Generator("cpu").manual_seed(request.seed))
        with torch.inference_mode():
            images = pipeline(
                prompt=list(captions),
                height=height,
                width=width,
                num_inference_steps=request.steps,
                guidance_scale=request.guidance,
                latents=noise.to(pipeline.unet.dtype).repeat(2, 1, 1, 1).to(self.device.name),
                output_type="np",
                callback_on_step_end=count,
            ).images
        first, second = map(as_bytes, images)
        return PaintedPair(first, second, self.facts(pipeline, started))
