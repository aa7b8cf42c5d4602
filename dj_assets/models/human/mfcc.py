"""Mel-frequency cepstral coefficients, the sound features of active-speaker detection."""

from __future__ import annotations

import numpy as np

_RATE, _FFT, _FILTERS, _COEFFICIENTS, _LIFTER = 16_000, 512, 26, 13, 22
_WINDOW, _HOP = 400, 160
_EMPHASIS = 0.97


def mfcc(sound: np.ndarray) -> np.ndarray:
    """Return 13 coefficients for every 10 ms of a sound, from windows of 25 ms.

    The first coefficient is the logarithm of the energy.

    Parameters
    ----------
    sound
        Samples at 16 kHz, `int16`, shape `(n,)`.

    Returns
    -------
    numpy.ndarray
        `float64`, shape `(windows, 13)`; the last window is filled up with zeros.
    """
    signal = np.asarray(sound, float)
    signal = np.concatenate([signal[:1], signal[1:] - _EMPHASIS * signal[:-1]])
    windows = 1 + max(0, -(-(len(signal) - _WINDOW) // _HOP))
    padded = np.zeros((windows - 1) * _HOP + _WINDOW)
    padded[: len(signal)] = signal[: len(padded)]
    framed = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    power = np.abs(np.fft.rfft(framed, _FFT)) ** 2 / _FFT
    least = np.finfo(float).eps
    logs = np.log(np.maximum(power @ _bank().T, least))
    coefficients = logs @ _cosines().T
    coefficients *= 1 + _LIFTER / 2 * np.sin(np.pi * np.arange(_COEFFICIENTS) / _LIFTER)
    coefficients[:, 0] = np.log(np.maximum(power.sum(axis=1), least))
    return np.asarray(coefficients)


def _bank() -> np.ndarray:
    """Return triangular filters at equal distances on the mel scale, shape `(26, 257)`."""
    highest = 2595 * np.log10(1 + _RATE / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, highest, _FILTERS + 2) / 2595) - 1)
    bins = np.floor((_FFT + 1) * hertz / _RATE)
    every = np.arange(_FFT // 2 + 1)
    low, middle, high = bins[:-2, None], bins[1:-1, None], bins[2:, None]
    rising = (every - low) / np.maximum(middle - low, 1)
    falling = (high - every) / np.maximum(high - middle, 1)
    return np.asarray(np.where(every < middle, rising, falling).clip(0) * ((every >= low) & (every < high)))


def _cosines() -> np.ndarray:
    """Return the orthonormal discrete cosine transform, shape `(13, 26)`."""
    angles = np.pi * np.arange(_COEFFICIENTS)[:, None] * (2 * np.arange(_FILTERS) + 1) / (2 * _FILTERS)
    scale = np.full((_COEFFICIENTS, 1), np.sqrt(2 / _FILTERS))
    scale[0] = np.sqrt(1 / _FILTERS)
    return np.asarray(np.cos(angles) * scale)
