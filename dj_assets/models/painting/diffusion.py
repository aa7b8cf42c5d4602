"""Paint pairs of images with Stable Diffusion XL, by `diffusers`, in this process."""

from __future__ import annotations

import threading
import time
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dj_assets.models.extras import require
from dj_assets.models.painting.painter import PaintedPair, PaintRequest
from dj_assets.models.painting.prompt_to_prompt import AttentionControl, ControlledAttention

if TYPE_CHECKING:
    from dj_assets.models.text.pictures import Uint8s

_one_at_a_time = threading.Lock()


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


class DiffusionPainter:
    """A checkpoint of Stable Diffusion XL in the folder layout of diffusers. Nothing is downloaded.

    No invisible watermark is put into the images. On a GPU, equal requests may give slightly different pixels on
    another kind of device, so the device is part of the record of a call.
    """

    def __init__(self, folder: Path) -> None:
        import diffusers

        from dj_assets.models.vision.device import device

        diffusers.utils.logging.set_verbosity_error()
        diffusers.utils.logging.disable_progress_bar()
        self.folder = folder
        self.device = device()
        self.pipelines: dict[str, Any] = {}

    def paint(self, request: PaintRequest) -> PaintedPair:
        """Return the pair: both images start from the same noise, and the second one follows the first one."""
        with _one_at_a_time:
            return self.painted(request)

    def painted(self, request: PaintRequest, *, controlled: bool = True) -> PaintedPair:
        """Return the pair; not `controlled`, the second image takes nothing from the first one but its noise."""
        import diffusers
        import torch

        started = time.perf_counter()
        pipeline = self._pipeline(request.dtype)
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
        facts = {
            "back_end": f"diffusers {diffusers.__version__}",
            "torch": torch.__version__,
            "device": self.device.name,
            "scheduler": type(pipeline.scheduler).__name__,
            "watermark": False,
            "seconds": time.perf_counter() - started,
        }
        return PaintedPair(first, second, facts)

    def _pipeline(self, dtype: str) -> Any:  # noqa: ANN401 - a pipeline of diffusers
        import torch

        half = dtype in {"fp16", "bf16"} and self.device.half
        if ("half" if half else "whole") not in self.pipelines:
            kind = torch.float16 if half else torch.float32
            kind_of = import_module("diffusers").StableDiffusionXLPipeline
            pipeline = kind_of.from_pretrained(self.folder, dtype=kind, local_files_only=True, add_watermarker=False)
            pipeline.set_progress_bar_config(disable=True)
            self.pipelines["half" if half else "whole"] = pipeline.to(self.device.name)
        return self.pipelines["half" if half else "whole"]


def as_bytes(image: np.ndarray) -> Uint8s:
    """Return an image of 0..1 as bytes."""
    scaled: Uint8s = (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
    return scaled
