"""Describe frames of a person by a vision language model of transformers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dj_assets.models.quiet_transformers import without_messages


class Describer(Protocol):
    """The part of a vision language model that annotations use."""

    def describe(self, frames: Sequence[np.ndarray], query: str) -> str:
        """Return the answer to a query about frames, RGB, `uint8`, each of shape `(height, width, 3)`."""


@dataclass(frozen=True)
class FramesDescriber:
    """Ask a checkpoint of `AutoModelForImageTextToText` about frames as images; the most likely answer is taken."""

    processor: Any
    model: Any
    most_tokens: int = 128

    def describe(self, frames: Sequence[np.ndarray], query: str) -> str:
        """Return the answer to a query about frames."""
        torch = import_module("torch")
        images = [import_module("PIL.Image").fromarray(frame) for frame in frames]
        content = [*({"type": "image"} for _ in images), {"type": "text", "text": query}]
        prompt = self.processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        inputs = self.processor(images=images, text=prompt, return_tensors="pt")
        inputs.pop("token_type_ids", None)
        with torch.inference_mode():
            tokens = self.model.generate(**inputs, max_new_tokens=self.most_tokens, do_sample=False)
        new = tokens[0, inputs["input_ids"].shape[1] :]
        return str(self.processor.tokenizer.decode(new, skip_special_tokens=True)).strip()


@cache
def frames_describer(folder: Path) -> FramesDescriber:
    """Load a vision language model from its folder; no code of the folder is run."""
    without_messages()
    transformers = import_module("transformers")
    model = transformers.AutoModelForImageTextToText.from_pretrained(folder, local_files_only=True).eval()
    return FramesDescriber(transformers.AutoProcessor.from_pretrained(folder, local_files_only=True), model)
