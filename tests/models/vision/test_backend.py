"""The steps of a transformer by NumPy, against PyTorch's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from dj_assets.models.vision import backend as module
from dj_assets.models.vision.backend import Array, Backend, NumpyBackend, TorchBackend

RANDOM = np.random.default_rng(7)


def floats(*shape: int) -> np.ndarray:
    return RANDOM.normal(0, 2, shape).astype(np.float32)


X, WEIGHT, BIAS = floats(3, 5, 8), floats(6, 8), floats(6)
QUERY, KEY, VALUE = floats(3, 2, 5, 4), floats(3, 2, 7, 4), floats(3, 2, 7, 4)
LATER = np.triu(np.ones((1, 1, 5, 7), bool), 2)
FILLED = np.arange(7) >= np.array([7, 2, 5])[:, None, None, None]


@pytest.mark.parametrize(
    "step",
    [
        lambda b: b.linear(b.array(X), b.array(WEIGHT), b.array(BIAS)),
        lambda b: b.linear(b.array(X), b.array(WEIGHT), None),
        lambda b: b.layer_norm(b.array(X), b.array(WEIGHT[0]), b.array(WEIGHT[1]), 1e-5),
        lambda b: b.layer_norm(b.array(X)[:, 2], b.array(WEIGHT[0]), b.array(WEIGHT[1]), 1e-5),
        lambda b: b.gelu(b.array(X.copy())),
        lambda b: b.quick_gelu(b.array(X * 100)),
        lambda b: b.softmax(b.array(X * 100)),
        lambda b: b.unit(b.array(X)),
        lambda b: b.attention(b.array(QUERY), b.array(KEY), b.array(VALUE), None),
        lambda b: b.attention(b.array(QUERY), b.array(KEY), b.array(VALUE), b.array(LATER)),
        lambda b: b.attention(b.array(QUERY), b.array(KEY), b.array(VALUE), b.array(FILLED)),
        lambda b: b.joined([b.array(X), b.array(X)], 1),
        lambda b: b.picked(b.array(X), b.array(np.array([4, 0, 2]))),
        lambda b: b.array(np.arange(250, 256, dtype=np.uint8)) * 2,
    ],
)
@pytest.mark.parametrize("at_once", [1, 1 << 22])
def test_a_step_gives_what_that_of_torch_gives(
    step: Callable[[Backend], Array], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SCORES", at_once)

    def done(backend: Backend) -> np.ndarray:
        with backend.inference():
            return backend.floats(step(backend))

    found, wanted = done(NumpyBackend()), done(TorchBackend("cpu"))
    assert found.dtype == np.float32
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() < 2e-5
