"""Farneback's flow beside OpenCV's own, over frames that move, turn and leave the picture."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from dj_assets.errors import MediaError
from dj_assets.kernels import optical_flow
from dj_assets.media.optical_flow import Farneback


def frames(height: int, width: int, count: int = 4, seed: int = 1) -> list[np.ndarray]:
    """Return noise of all sizes that turns and drifts; parts of it leave the picture."""
    noise = np.random.default_rng(seed).integers(0, 256, (height + 80, width + 80), np.uint8)
    whole = cv2.GaussianBlur(noise, (0, 0), 3) * 4
    turned = []
    for number in range(count):
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), 1.5 * number, 1 + 0.01 * number)
        turn[:, 2] += (2.3 * number - 40, -3.1 * number - 40)
        turned.append(cv2.warpAffine(whole, turn, (width, height)))
    return turned


def by_opencv(greys: list[np.ndarray], flow: Farneback) -> list[float]:
    found = []
    for before, after in pairwise(greys):
        parameters = (flow.pyr_scale, flow.levels, flow.winsize, flow.iterations, flow.poly_n, flow.poly_sigma)
        vectors = cv2.calcOpticalFlowFarneback(before, after, None, *parameters, flow.flags)
        found.append(float(np.hypot(vectors[..., 0], vectors[..., 1]).mean()))
    return found


@pytest.mark.parametrize(
    ("shape", "flow"),
    [
        ((120, 160), Farneback()),
        ((97, 211), Farneback()),
        ((31, 33), Farneback()),
        ((10, 90), Farneback()),
        ((12, 11), Farneback()),
        ((120, 160), Farneback(pyr_scale=0.7, levels=5, winsize=9, iterations=1, poly_n=7, poly_sigma=1.5)),
        ((120, 160), Farneback(levels=1, winsize=12)),
        ((120, 160), Farneback(flags=cv2.OPTFLOW_FARNEBACK_GAUSSIAN)),
    ],
    ids=str,
)
def test_lengths_are_those_of_opencv(shape: tuple[int, int], flow: Farneback) -> None:
    greys = frames(*shape)
    expected = by_opencv(greys, flow)
    assert list(flow.lengths(iter(greys))) == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert min(shape) < 97 or min(expected) > 1


def test_every_vector_is_that_of_opencv() -> None:
    greys = frames(120, 160, 2)
    expected = cv2.calcOpticalFlowFarneback(*greys, None, 0.01, 1, 15, 3, 5, 1.2, 0)
    gauss, metric = optical_flow.weights(5, 1.2)
    blurred = (cv2.GaussianBlur(grey.astype(np.float32), (3, 3), 0) for grey in greys)
    before, after = np.empty((2, 120, 160, 5), np.float32)
    for frame, expanded in zip(blurred, (before, after), strict=True):
        optical_flow.expand(frame, gauss, metric, expanded)
    flow = np.zeros((2, 120, 160), np.float32)
    for _ in range(3):
        optical_flow.improve(before, after, (optical_flow.border(160), optical_flow.border(120)), 15, flow)
    lengths = np.hypot(*expected.transpose(2, 0, 1))
    assert optical_flow.mean_length(flow) == pytest.approx(lengths.mean(), rel=5e-5)
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(flow.transpose(1, 2, 0), expected, atol=2e-3)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (2, 200)])
def test_the_smallest_frames_have_a_flow(shape: tuple[int, int]) -> None:
    lengths = list(Farneback().lengths(iter(frames(*shape))))
    assert len(lengths) == 3
    assert np.isfinite(lengths).all()


def test_nothing_moves_in_a_still_and_one_frame_has_no_length() -> None:
    still = np.full((40, 40), 7, np.uint8)
    assert list(Farneback().lengths(iter([still, still]))) == [0.0]
    assert list(Farneback().lengths(iter([still]))) == []


def test_frames_of_two_sizes_are_refused() -> None:
    with pytest.raises(MediaError, match="changes the size of its frames"):
        list(Farneback().lengths(iter([np.zeros((40, 40), np.uint8), np.zeros((40, 50), np.uint8)])))
