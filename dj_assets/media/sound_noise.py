"""The ratio of signal to noise of a sound, by a factorization of its spectrogram."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dj_assets.errors import MediaError
from dj_assets.media.feature import SoundFeature
from dj_assets.media.sound import OpenSound
from dj_assets.media.wave_file import blocks

# The frames of librosa's spectrograms: samples of each, and from one to the next.
_FRAME, _HOP = 2048, 512
_PARTS = 2
# The factorization ends when its steps are this small against the first ones.
_TOLERANCE = 1e-4
# Frames that are transformed at a time.
_FRAMES_AT_ONCE = 1024


@dataclass(frozen=True)
class SignalToNoise(SoundFeature[float]):
    """Compute the ratio of signal to noise of the first `longest` seconds of a sound, in dB.

    The magnitudes of the spectrogram are split into two parts by non-negative matrix factorization (Lee and Seung 1999)
    in at most `iterations` steps; the first part is the signal, the second the noise.
    """

    iterations: int = 500
    longest: int = 600

    def __call__(self, sound: OpenSound) -> float:
        """Return the ratio; the largest float without noise, the least without signal."""
        magnitudes = _magnitudes(self._samples(sound))
        sound.alive()
        weights, spectra = factors(magnitudes, self.iterations, sound.alive)
        signal, noise = (_power(weights[:, part], spectra[part]) for part in range(_PARTS))
        if noise == 0:
            return sys.float_info.max
        return 10 * float(np.log10(signal / noise)) if signal > 0 else -sys.float_info.max

    def _samples(self, sound: OpenSound) -> np.ndarray:
        """Return the mean of the channels, `float32`, shape `(n,)`."""
        parts: list[np.ndarray] = []
        left = None
        for block, rate in blocks(sound.frames()):
            left = self.longest * rate if left is None else left
            parts.append(block[:left].mean(axis=1))
            left -= len(block)
            if left <= 0:
                break
        samples = np.concatenate(parts) if parts else np.empty(0, np.float32)
        if len(samples) < _HOP:
            raise MediaError(f"has {len(samples)} samples, too few for a ratio of signal to noise: {_HOP} are needed")
        return samples


def factors(magnitudes: np.ndarray, iterations: int, alive: Callable[[], None]) -> tuple[np.ndarray, np.ndarray]:
    """Return two non-negative factors of a matrix, by coordinate descent (Cichocki and Phan 2009).

    The start and the steps are those of `sklearn.decomposition.NMF` with `init="random"` and `random_state=0`.

    Parameters
    ----------
    magnitudes
        Non-negative matrix, `float32`, shape `(frames, bins)`.
    iterations
        The most steps.
    alive
        Called after each step.

    Returns
    -------
    tuple
        Factors of the shapes `(frames, 2)` and `(2, bins)`, whose product is near the matrix.
    """
    frames, bins = magnitudes.shape
    scale = np.sqrt(magnitudes.mean() / _PARTS)
    drawn = np.random.RandomState(0)
    spectra = np.abs(scale * drawn.standard_normal((_PARTS, bins)).astype(np.float32)).T.copy()
    weights = np.abs(scale * drawn.standard_normal((frames, _PARTS)).astype(np.float32))
    first = None
    for _ in range(iterations):
        moved = _descend(weights, magnitudes, spectra) + _descend(spectra, magnitudes.T, weights)
        alive()
        first = moved if first is None else first
        if moved <= _TOLERANCE * first:
            break
    return weights, spectra.T


def _descend(factor: np.ndarray, matrix: np.ndarray, other: np.ndarray) -> float:
    """Minimise the error of the product over each column of a factor, in place; return the size of the step."""
    squares, products = other.T @ other, matrix @ other
    moved = 0.0
    for part in range(_PARTS):
        column = factor[:, part]
        gradient = factor @ squares[part] - products[:, part]
        moved += float(np.abs(np.where(column == 0, np.minimum(gradient, 0), gradient)).sum(dtype=np.float64))
        if squares[part, part] != 0:
            factor[:, part] = np.maximum(column - gradient / squares[part, part], 0)
    return moved


def _window() -> np.ndarray:
    """Return the periodic Hann window of a frame."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FRAME) / _FRAME), np.float32)


def _magnitudes(samples: np.ndarray) -> np.ndarray:
    """Return the magnitudes of the spectrogram of a sound, `float32`, shape `(frames, bins)`."""
    padded = np.pad(samples, _FRAME // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP]
    window = _window()
    parts = [
        np.abs(np.fft.rfft(frames[start : start + _FRAMES_AT_ONCE] * window))
        for start in range(0, len(frames), _FRAMES_AT_ONCE)
    ]
    return np.concatenate(parts)


def _power(weights: np.ndarray, spectrum: np.ndarray) -> float:
    """Return the mean power of the sound whose spectrogram is the product of weights and a spectrum, of phase 0."""
    window = _window()
    shape = (_FRAME // _HOP, _HOP)
    wave = (np.fft.irfft(spectrum, _FRAME) * window).reshape(shape)
    covered = (window**2).reshape(shape)
    samples, share = (np.zeros((len(weights) + len(wave) - 1, _HOP), np.float32) for _ in range(2))
    for part in range(len(wave)):
        samples[part : part + len(weights)] += weights[:, None] * wave[part]
        share[part : part + len(weights)] += covered[part]
    edge = _FRAME // 2
    inner, divisor = samples.ravel()[edge:-edge], share.ravel()[edge:-edge]
    tiny = np.finfo(np.float32).tiny
    return float(np.mean(np.square(np.where(divisor > tiny, inner / np.maximum(divisor, tiny), inner))))
