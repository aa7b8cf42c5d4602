"""Compare faces by the vectors that an image encoder of transformers computes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from dj_assets.models.quiet_transformers import without_messages


@dataclass(frozen=True)
class FaceEncoder:
    """Compute vectors of faces by a checkpoint of `AutoModel` for images; those of one person have to be alike."""

    processor: Any
    model: Any

    def vectors(self, faces: Sequence[np.ndarray]) -> np.ndarray:
        """Return a vector of length 1 for every face, `float64`, shape `(faces, n)`.

        Faces are RGB, `uint8`, each of shape `(height, width, 3)`. The pooled output of the model is taken, else the
        mean of its last hidden states.
        """
        torch = import_module("torch")
        inputs = self.processor(images=list(faces), return_tensors="pt")
        with torch.inference_mode():
            outputs = self.model(**inputs)
        pooled = getattr(outputs, "pooler_output", None)
        found = outputs.last_hidden_state.mean(dim=1) if pooled is None else pooled
        vectors = found.reshape(len(faces), -1).numpy().astype(float)
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))

    def distance(self, first: np.ndarray, second: np.ndarray) -> float:
        """Return the cosine distance of two faces: 0 for equal vectors, 1 for unrelated ones, at most 2."""
        one, other = self.vectors([first, second])
        return float(1 - one @ other)


@cache
def face_encoder(folder: Path) -> FaceEncoder:
    """Load an image encoder from its folder; no code of the folder is run."""
    without_messages()
    transformers = import_module("transformers")
    model = transformers.AutoModel.from_pretrained(folder, local_files_only=True).eval()
    return FaceEncoder(transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True), model)
