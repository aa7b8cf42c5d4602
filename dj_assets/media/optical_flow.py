"""Compute the motion of pixels from one frame to the next: Farneback's optical flow over a pyramid of sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dj_assets.errors import MediaError

# A picture is not reduced further if one of its sides would be shorter than this.
_LEAST_SIDE = 32


@dataclass(frozen=True)
class Farneback:
    """Hold parameters of Farneback's flow, by the names of OpenCV."""

    pyr_scale: float = 0.5
    levels: int = 3
    winsize: int = 15
    iterations: int = 3
    poly_n: int = 5
    poly_sigma: float = 1.2
    flags: int = 0

    def lengths(self, greys: Iterator[np.ndarray]) -> Iterator[float]:
        """Yield the mean length of the flow from every frame to the next, in pixels.

        Each frame is blurred, resized and expanded once, though it is part of two pairs; the memory of a frame is used
        again by the next but one. With `flags`, OpenCV does it all.

        Raises
        ------
        MediaError
            If a frame has another size than the previous one.
        """
        if self.flags:
            yield from self._by_opencv(greys)
            return
        before: Sequence[np.ndarray] | None = None
        free: Sequence[np.ndarray] = ()
        for grey in greys:
            expanded = self._expanded(grey, free)
            if before is not None:
                yield self._length(before, expanded)
                free = before
            before = expanded

    def _expanded(self, grey: np.ndarray, free: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the expansions of a frame, `uint8`, at all sizes, the smallest first; `free` ones are overwritten."""
        import cv2

        from dj_assets.kernels.optical_flow import expand, weights

        height, width = grey.shape
        scales = [1.0]
        while len(scales) <= self.levels and min(height, width) * scales[-1] * self.pyr_scale >= _LEAST_SIDE:
            scales.append(scales[-1] * self.pyr_scale)
        gauss = weights(self.poly_n, self.poly_sigma)
        floats = grey.astype(np.float32)
        expansions: list[np.ndarray] = []
        for scale in reversed(scales):
            sigma = (1 / scale - 1) / 2
            side = max(round(sigma * 5) | 1, 3)
            blurred = cv2.GaussianBlur(floats, (side, side), sigma, sigmaY=sigma)
            small = np.asarray(cv2.resize(blurred, (round(width * scale), round(height * scale))), np.float32)
            level = len(expansions)
            if level < len(free) and free[level].shape[:2] == small.shape:
                out = free[level]
            else:
                out = np.empty((*small.shape, 5), np.float32)
            expand(small, *gauss, out)
            expansions.append(out)
        return expansions

    def _length(self, before: Sequence[np.ndarray], after: Sequence[np.ndarray]) -> float:
        """Return the mean length of the flow between two expanded frames."""
        from dj_assets.kernels.optical_flow import border, improve, mean_length

        flow: np.ndarray | None = None
        for first, second in zip(before, after, strict=False):
            height, width, _ = first.shape
            if second.shape != first.shape:
                raise MediaError("changes the size of its frames")
            flow = self._enlarged(flow, height, width)
            counts = border(width), border(height)
            for _ in range(self.iterations):
                improve(first, second, counts, self.winsize, flow)
        assert flow is not None, "a frame has one size at least"  # noqa: S101
        return float(mean_length(flow))

    def _enlarged(self, flow: np.ndarray | None, height: int, width: int) -> np.ndarray:
        """Return the flow of the next smaller size enlarged to this size; zero if there is none."""
        import cv2

        if flow is None:
            return np.zeros((2, height, width), np.float32)
        larger = np.empty((2, height, width), np.float32)
        for side in (0, 1):
            cv2.resize(flow[side], (width, height), larger[side])
        larger *= np.float32(1 / self.pyr_scale)
        return larger

    def _by_opencv(self, greys: Iterator[np.ndarray]) -> Iterator[float]:
        import cv2

        before: np.ndarray | None = None
        for grey in greys:
            if before is not None:
                flow = cv2.calcOpticalFlowFarneback(  # type: ignore[call-overload]
                    before,
                    grey,
                    None,
                    self.pyr_scale,
                    self.levels,
                    self.winsize,
                    self.iterations,
                    self.poly_n,
                    self.poly_sigma,
                    self.flags,
                )
                yield float(cv2.magnitude(flow[..., 0], flow[..., 1]).mean(dtype=np.float64))
            before = grey
