"""Write sounds as WAV files: 16 bits a sample, the rate and the channels of the sound."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from dj_assets.errors import MediaError

_HIGHEST = 32767


def blocks(frames: Iterable[Any]) -> Iterator[tuple[np.ndarray, int]]:
    """Yield the samples of decoded frames, `float32` within -1..1, shape `(samples, channels)`, and their rate in Hz.

    Raises
    ------
    MediaError
        If the rate or the number of channels changes inside of the sound.
    """
    from av.audio.resampler import AudioResampler

    resampler: AudioResampler | None = None
    form: tuple[int, str] | None = None
    for frame in frames:
        now = (frame.sample_rate, frame.layout.name)
        form = form or now
        if now != form:
            raise MediaError("changes its rate or its channels")
        resampler = resampler or AudioResampler(format="fltp", layout=frame.layout, rate=frame.sample_rate)
        frame.pts = None
        for even in resampler.resample(frame):
            yield even.to_ndarray().T.astype(np.float32, copy=False), now[0]


def wave_file(frames: Iterable[Any]) -> bytes:
    """Return the content of a WAV file of decoded frames; raise `MediaError` if there are none."""
    return written(blocks(frames))


def written(samples: Iterable[tuple[np.ndarray, int]]) -> bytes:
    """Return the content of a WAV file of blocks of samples with their rate; values outside of -1..1 are clipped.

    Raises
    ------
    MediaError
        If there are no samples.
    """
    content = io.BytesIO()
    file: wave.Wave_write | None = None
    for block, rate in samples:
        if file is None:
            file = wave.open(content, "wb")  # noqa: SIM115 - closed below, once the first block tells its form
            file.setnchannels(block.shape[1])
            file.setsampwidth(2)
            file.setframerate(rate)
        whole = np.rint(np.clip(block, -1, 1) * _HIGHEST).astype("<i2")
        file.writeframes(whole.tobytes())
    if file is None:
        raise MediaError("has no samples")
    file.close()
    return content.getvalue()
