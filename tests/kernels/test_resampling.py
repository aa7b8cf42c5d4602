"""Resizing, against Pillow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dj_assets.kernels.resampling import resized, taps

SIDES = st.integers(1, 90)


@given(SIDES, SIDES, SIDES, SIDES, st.booleans(), st.integers(0, 1000))
def test_pictures_are_those_of_pillow(width: int, height: int, to: int, high: int, cubic: bool, seed: int) -> None:
    random = np.random.default_rng(seed)
    # black and white overshoot, so that it shows which pass was first
    picture = random.integers(0, 2, (height, width, 3), np.uint8) * 255 if seed % 2 else noise(height, width, seed)
    whole = np.asarray(Image.fromarray(picture).resize((to, high), 3 if cubic else 2))
    left, top = random.integers(0, to), random.integers(0, high)
    right, bottom = random.integers(left, to) + 1, random.integers(top, high) + 1
    found = resized(picture, (to, high), (int(left), int(top), int(right), int(bottom)), cubic=cubic)
    assert np.array_equal(found, whole[top:bottom, left:right])


@pytest.mark.parametrize("spare", [-1, 0, 1, 2])
@pytest.mark.parametrize("cubic", [False, True])
def test_which_pass_is_first_turns_where_it_does_for_pillow(spare: int, cubic: bool) -> None:
    picture = np.random.default_rng(3).integers(0, 2, (300, 120, 3), np.uint8) * 255
    high = 300 - 2 * (120 - 70) - spare
    found = resized(picture, (70, high), (0, 0, 70, high), cubic=cubic)
    assert np.array_equal(found, np.asarray(Image.fromarray(picture).resize((70, high), 3 if cubic else 2)))


def test_a_large_picture() -> None:
    picture = noise(1100, 1403, 1)
    found = resized(picture, (224, 224), (0, 0, 224, 224), cubic=True)
    assert np.array_equal(found, np.asarray(Image.fromarray(picture).resize((224, 224), 3)))


def test_weights_of_a_line_add_up_to_one() -> None:
    line = taps(403, 64, cubic=True)
    assert line.weights.sum(1) == pytest.approx(np.full(64, 1 << 22), abs=40)
    assert line.weights.shape[1] % 4 == 0


def noise(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
