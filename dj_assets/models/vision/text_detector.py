"""Texts in pictures by a detector in the form of DB (Liao et al. 2020), as OpenCV reads it from an ONNX file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from dj_assets.errors import UserError

# The values of OpenCV's own model of this form, that of PaddleOCR: a pixel and a box are text from these scores on, and
# boxes are made wider, since the model marks the middle of a line.
_PIXEL, _BOX, _WIDER, _CANDIDATES = 0.3, 0.5, 2.0, 200
_SCALE, _MEAN = 1 / 255, (122.67891434, 116.66876762, 104.00698793)


class TextDetector:
    """Find the places of texts in pictures, which it scales to a square of `side` pixels."""

    def __init__(self, path: Path, side: int) -> None:
        """Load the detector.

        Raises
        ------
        UserError
            If the file is no model that OpenCV reads.
        """
        import cv2

        self._path, self._side = path, side
        try:
            self._model: Any = cv2.dnn.readNetFromONNX(str(path))
        except cv2.error as error:
            raise UserError(f"{path}: is no model that OpenCV reads: {error.err}") from None

    def ratio(self, pixels: np.ndarray) -> float:
        """Return the share of a picture that texts take, 0 to 1.

        Parameters
        ----------
        pixels
            The picture, `uint8`, shape `(h, w, 3)`, RGB.

        Raises
        ------
        UserError
            If the model has another form.
        """
        import cv2

        scores = self._scores(pixels)
        marked = (scores > _PIXEL).astype(np.uint8)
        outlines, _ = cv2.findContours(marked, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        area = sum(_area(outline, scores) for outline in outlines[:_CANDIDATES])
        return min(1.0, area / scores.size)

    def _scores(self, pixels: np.ndarray) -> np.ndarray:
        """Return the score of every pixel of the square, float32."""
        import cv2

        # the channels are blue, green and red, and the mean is as in the zoo of OpenCV
        size = (self._side, self._side)
        blob = cv2.dnn.blobFromImage(pixels[:, :, ::-1], _SCALE, size, _MEAN)
        try:
            self._model.setInput(blob)
            scores = np.asarray(self._model.forward(), np.float32)
        except cv2.error as error:
            raise UserError(f"{self._path}: refuses squares of {self._side} pixels: {error.err}") from None
        if scores.size != self._side**2:
            raise UserError(f"{self._path}: gives {scores.shape}, no score for each pixel, as a detector of DB does")
        return scores.reshape(size)


def _area(outline: np.ndarray, scores: np.ndarray) -> float:
    """Return the area of the box around an outline, within the picture; 0 where its mean score is too small."""
    import cv2

    left, top, width, height = cv2.boundingRect(outline)
    inside = np.zeros((height, width), np.uint8)
    cv2.fillPoly(inside, [outline - (left, top)], 1)
    if float(scores[top : top + height, left : left + width][inside == 1].mean()) < _BOX:
        return 0.0
    # an outline runs through the middle of pixels
    centre, sides, angle = cv2.minAreaRect(outline)
    across, down = (side + 1 for side in sides)
    more = _WIDER * across * down / (2 * (across + down))
    corners = cv2.boxPoints((centre, (across + 2 * more, down + 2 * more), angle))
    return float(cv2.contourArea(np.clip(corners, 0, scores.shape[::-1]).astype(np.float32)))


@cache
def text_detector(path: Path, side: int) -> TextDetector:
    """Load a detector once; raises as `TextDetector`."""
    return TextDetector(path, side)
