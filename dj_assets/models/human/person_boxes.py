"""Boxes of persons: by a detector of transformers, or estimated from faces where no detector is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from dj_assets.models.quiet_transformers import without_messages

_LEAST_SCORE = 0.5
# A standing person is about seven faces high and three wide, and the face begins half a face below the top of the head.
_ABOVE, _BELOW, _ASIDE = 0.5, 6.5, 1.5


@dataclass(frozen=True)
class PersonDetector:
    """Find persons in frames by a checkpoint of `AutoModelForObjectDetection`, such as RT-DETR."""

    processor: Any
    model: Any

    def persons(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the boxes of every frame in its pixels, `float64`, each of shape `(persons, 4)`."""
        torch = import_module("torch")
        found = []
        for frame in frames:
            inputs = self.processor(images=frame, return_tensors="pt")
            with torch.inference_mode():
                outputs = self.model(**inputs)
            (result,) = self.processor.post_process_object_detection(
                outputs, threshold=_LEAST_SCORE, target_sizes=[frame.shape[:2]]
            )
            names = [str(self.model.config.id2label[int(label)]) for label in result["labels"]]
            boxes = result["boxes"].numpy().astype(float).reshape(-1, 4)
            found.append(boxes[[name.lower() == "person" for name in names]])
        return found


@cache
def person_detector(folder: Path) -> PersonDetector:
    """Load a detector from its folder."""
    without_messages()
    transformers = import_module("transformers")
    model = transformers.AutoModelForObjectDetection.from_pretrained(folder, local_files_only=True).eval()
    return PersonDetector(transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True), model)


def estimated(faces: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return the box that a standing person with each face has, within the frame.

    Examples
    --------
    >>> estimated(np.array([[40.0, 10, 60, 30]]), 100, 100).tolist()
    [[20.0, 0.0, 80.0, 100.0]]
    """
    sides = np.max(faces[:, 2:] - faces[:, :2], axis=1, initial=0) if len(faces) else np.zeros(0)
    middle = (faces[:, 0] + faces[:, 2]) / 2
    boxes = np.column_stack(
        [middle - _ASIDE * sides, faces[:, 1] - _ABOVE * sides, middle + _ASIDE * sides, faces[:, 1] + _BELOW * sides]
    )
    return np.asarray(boxes.clip(0, [width, height, width, height]))
