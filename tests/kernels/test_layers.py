"""Kernels of layers, against the formulas in double precision."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dj_assets.kernels.layers import gelu, layer_norm


def test_gelu_is_x_times_the_normal_distribution() -> None:
    values = np.concatenate([np.linspace(-12, 12, 100_001), [0, 1e-30, -1e-30, 1e30, -1e30]]).astype(np.float32)
    wanted = np.array([x * 0.5 * math.erfc(-x / math.sqrt(2)) for x in values.astype(float)])
    found = values.copy()
    gelu(found)
    assert np.abs(found - wanted).max(where=np.abs(values) < 100, initial=0) < 1e-6
    assert found[-2:] == pytest.approx([1e30, 0], rel=1e-6)


@pytest.mark.parametrize("width", [1, 3, 64, 769])
def test_rows_have_mean_0_and_variance_1(width: int) -> None:
    random = np.random.default_rng(width)
    values = random.normal(3, 20, (5, width)).astype(np.float32)
    weight, bias = (random.normal(0, 1, width).astype(np.float32) for _ in range(2))
    found = np.empty_like(values)
    layer_norm(values, weight, bias, 1e-5, found)
    exact = values.astype(float)
    spread = np.sqrt(exact.var(1, keepdims=True) + 1e-5)
    assert found == pytest.approx((exact - exact.mean(1, keepdims=True)) / spread * weight + bias, abs=1e-5)
