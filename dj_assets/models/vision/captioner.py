"""Describe pictures by BLIP, BLIP-2 and other models of transformers that write about images."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dj_assets.models.vision.device import Device
    from dj_assets.models.vision.pixels import Uint8s

_MOST_TOKENS = 128


class Captioner:
    """Write captions of pictures with a checkpoint in a folder, one picture at a time."""

    def __init__(self, folder: Path, device: Device) -> None:
        import torch
        from transformers import AutoModelForImageTextToText, AutoProcessor

        from dj_assets.models.quiet_transformers import without_messages

        without_messages()
        kind = torch.float16 if device.half else torch.float32
        # the package has no types here
        processors: Any = AutoProcessor
        self.processor = processors.from_pretrained(folder, local_files_only=True, backend="pil")
        model: Any = AutoModelForImageTextToText.from_pretrained(folder, local_files_only=True, dtype=kind)
        self.model = model.to(device.name).eval()

    def captions(self, picture: Uint8s, prompt: str | None = None, count: int = 1) -> list[str]:
        """Return captions of an RGB picture, shape `(height, width, 3)`.

        A single caption is the most likely one, word by word. Several are drawn, with seeds that depend on the picture
        only.
        """
        import torch
        from PIL.Image import fromarray

        texts: dict[str, Any] = {"text": prompt} if prompt else {}
        inputs = self.processor(images=fromarray(picture), return_tensors="pt", **texts)
        inputs = inputs.to(self.model.device, self.model.dtype)
        seed = int(hashlib.sha256(picture.tobytes()).hexdigest()[:15], 16)
        found = []
        with torch.inference_mode(), torch.random.fork_rng():
            for number in range(count):
                torch.manual_seed(seed + number)
                drawn = self.model.generate(**inputs, max_new_tokens=_MOST_TOKENS, do_sample=count > 1)
                [text] = self.processor.batch_decode(drawn, skip_special_tokens=True)
                found.append(str(text).strip())
        return found
