"""Paint over a part of an image with Stable Diffusion XL, by `diffusers`, in this process."""

from __future__ import annotations

import threading
import time
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from dj_assets.models.extras import require
from dj_assets.models.painting.diffusion import as_bytes
from dj_assets.models.painting.inpainter import Inpainted, InpaintRequest

_one_at_a_time = threading.Lock()


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


class DiffusionInpainter:
    """A checkpoint of Stable Diffusion XL, such as SDXL-turbo, in the folder layout of diffusers.

    Nothing is downloaded, and no invisible watermark is put into the images. Pixels outside of the mask are those of
    the image of the request: what the decoder changes there is put back.
    """

    def __init__(self, folder: Path) -> None:
        import diffusers

        from dj_assets.models.vision.device import device

        diffusers.utils.logging.set_verbosity_error()
        diffusers.utils.logging.disable_progress_bar()
        self.folder = folder
        self.device = device()
        self.pipelines: dict[bool, Any] = {}

    def inpaint(self, request: InpaintRequest) -> Inpainted:
        """Return the image."""
        import diffusers
        import torch
        from PIL import Image

        started = time.perf_counter()
        pixels = request.picture.pixels
        height, width = pixels.shape[:2]
        with _one_at_a_time, torch.inference_mode():
            pipeline = self._pipeline(request.dtype)
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
        facts = {
            "back_end": f"diffusers {diffusers.__version__}",
            "torch": torch.__version__,
            "device": self.device.name,
            "scheduler": type(pipeline.scheduler).__name__,
            "watermark": False,
            "seconds": time.perf_counter() - started,
        }
        return Inpainted(np.where(request.mask[..., None], painted, pixels), facts)

    def _pipeline(self, dtype: str) -> Any:  # noqa: ANN401 - a pipeline of diffusers
        import torch

        half = dtype in {"fp16", "bf16"} and self.device.half
        if half not in self.pipelines:
            kind_of = import_module("diffusers").StableDiffusionXLInpaintPipeline
            kind = torch.float16 if half else torch.float32
            pipeline = kind_of.from_pretrained(self.folder, dtype=kind, local_files_only=True, add_watermarker=False)
            pipeline.set_progress_bar_config(disable=True)
            self.pipelines[half] = pipeline.to(self.device.name)
        return self.pipelines[half]


def _multiple(length: int, pipeline: Any) -> int:  # noqa: ANN401 - a pipeline of diffusers
    """Return a length that the model can paint, not smaller than the given one."""
    step: int = 8 * max(1, pipeline.vae_scale_factor // 8)
    return -(-length // step) * step
