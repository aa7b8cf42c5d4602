"""Checkpoints of Stable Diffusion XL in the folder layout of diffusers, and what all that paint by them share."""

from __future__ import annotations

import threading
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    from dj_assets.models.text.pictures import Uint8s


class DiffusionCheckpoint:
    """Hold a checkpoint and its pipelines, one for each precision. Nothing is downloaded.

    No invisible watermark is put into the images. On a GPU, equal requests may give slightly different pixels on
    another kind of device, so the device is part of the record of a call.
    """

    pipeline: ClassVar[str]
    # a process paints one request at a time
    lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, folder: Path) -> None:
        import diffusers

        from dj_assets.models.vision.device import device

        diffusers.utils.logging.set_verbosity_error()
        diffusers.utils.logging.disable_progress_bar()
        self.folder = folder
        self.device = device()
        self.pipelines: dict[bool, Any] = {}

    def loaded(self, dtype: str) -> Any:  # noqa: ANN401 - a pipeline of diffusers
        """Return the pipeline for a precision, which is loaded at its first use."""
        import torch

        half = dtype in {"fp16", "bf16"} and self.device.half
        if half not in self.pipelines:
            kind_of = getattr(import_module("diffusers"), self.pipeline)
            kind = torch.float16 if half else torch.float32
            pipeline = kind_of.from_pretrained(self.folder, dtype=kind, local_files_only=True, add_watermarker=False)
            pipeline.set_progress_bar_config(disable=True)
            self.pipelines[half] = pipeline.to(self.device.name)
        return self.pipelines[half]

    def facts(self, pipeline: Any, started: float) -> dict[str, object]:  # noqa: ANN401 - a pipeline of diffusers
        """Return what the record of a call has: versions, device, scheduler, and the seconds since `started`."""
        import diffusers
        import torch

        return {
            "back_end": f"diffusers {diffusers.__version__}",
            "torch": torch.__version__,
            "device": self.device.name,
            "scheduler": type(pipeline.scheduler).__name__,
            "watermark": False,
            "seconds": time.perf_counter() - started,
        }


def as_bytes(image: np.ndarray) -> Uint8s:
    """Return an image of 0..1 as bytes."""
    scaled: Uint8s = (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
    return scaled
