"""Faces by YuNet (Wu et al. 2023), as OpenCV reads it from an ONNX file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from dj_assets.errors import UserError
from dj_assets.media.faces import Face

# The limits of OpenCV: score of a face, overlap of two, and number of candidates.
_LEAST_SCORE, _OVERLAP, _CANDIDATES = 0.9, 0.3, 5000


class YuNet:
    """Find faces in pictures."""

    def __init__(self, path: Path) -> None:
        """Load the detector.

        Raises
        ------
        UserError
            If the file is no model of this kind.
        """
        import cv2

        try:
            self._detector: Any = cv2.FaceDetectorYN.create(
                str(path), "", (320, 320), _LEAST_SCORE, _OVERLAP, _CANDIDATES
            )
        except cv2.error as error:
            raise UserError(f"{path}: is no model that OpenCV reads: {error.err}") from None

    def faces(self, pixels: np.ndarray, width: int, height: int) -> tuple[Face, ...]:
        """Return the faces from left to right.

        Parameters
        ----------
        pixels
            The picture, `uint8`, shape `(h, w, 3)`, RGB; it may be smaller than the image.
        width, height
            The size of the image, in whose pixels the boxes are.
        """
        import cv2

        rows, columns = pixels.shape[:2]
        self._detector.setInputSize((columns, rows))
        _, found = self._detector.detect(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        across, down = width / columns, height / rows
        boxes = (_inside(box, across, down, width, height) for box in (() if found is None else found[:, :4].tolist()))
        return tuple(sorted(face for face in boxes if face.width > 0 and face.height > 0))


@cache
def yunet(path: Path) -> YuNet:
    """Load a detector, with the errors of `YuNet`."""
    return YuNet(path)


def _inside(box: list[float], across: float, down: float, width: int, height: int) -> Face:
    left, right = (min(max(round(side * across), 0), width) for side in (box[0], box[0] + box[2]))
    top, bottom = (min(max(round(side * down), 0), height) for side in (box[1], box[1] + box[3]))
    return Face(left, top, right - left, bottom - top)
