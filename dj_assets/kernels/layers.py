"""Layers of a transformer that act on every number, each in one pass: GELU and layer norm."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dj_assets.kernels.jit import approximate

Floats = npt.NDArray[np.float32]

# The error function as a fraction of polynomials in x², with the coefficients of Eigen and XLA for 32-bit floats.
_ABOVE = np.array(
    [
        -2.72614225801306e-10,
        2.77068142495902e-08,
        -2.10102402082508e-06,
        -5.69250639462346e-05,
        -7.34990630326855e-04,
        -2.95459980854025e-03,
        -1.60960333262415e-02,
    ],
    np.float32,
)
_BELOW = np.array(
    [-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03, -1.42647390514189e-02],
    np.float32,
)
# Above this value, the error function is 1 to the last bit.
_FAR = np.float32(4)
_HALF, _ONE, _ROOT = np.float32(0.5), np.float32(1), np.float32(np.sqrt(0.5))


@approximate
def gelu(values: Floats) -> None:
    """Replace every x of a flat array by x Φ(x), where Φ is the normal distribution (Hendrycks and Gimpel 2016)."""
    for i in range(len(values)):
        x = min(max(values[i] * _ROOT, -_FAR), _FAR)
        square = x * x
        above, below = _ABOVE[0], _BELOW[0]
        for k in range(1, 7):
            above = above * square + _ABOVE[k]
        for k in range(1, 5):
            below = below * square + _BELOW[k]
        values[i] *= _HALF * (_ONE + x * above / below)


@approximate
def layer_norm(values: Floats, weight: Floats, bias: Floats, epsilon: float, out: Floats) -> None:
    """Write every row of `values`, shape `(rows, n)`, scaled to mean 0 and variance 1, times weight, plus bias."""
    width = values.shape[1]
    for row in range(len(values)):
        line, new = values[row], out[row]
        total = np.float32(0)
        for i in range(width):
            total += line[i]
        mean = total / np.float32(width)
        total = np.float32(0)
        for i in range(width):
            total += (line[i] - mean) * (line[i] - mean)
        scale = np.float32(1 / np.sqrt(total / np.float32(width) + epsilon))
        for i in range(width):
            new[i] = (line[i] - mean) * scale * weight[i] + bias[i]
