"""Sounds with noise added to them, as new files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dj_assets.media.feature import SoundFeature
from dj_assets.media.making import NewSound, checksum
from dj_assets.media.sound import OpenSound
from dj_assets.media.wave_file import blocks, written

_DRAWN = 2.0**64


@dataclass(frozen=True)
class NoisySound(NewSound):
    """Make a WAV file of a sound with Gaussian noise of the standard deviation `amplitude`, 1 being the loudest."""

    amplitude: float

    def __call__(self, sound: OpenSound) -> bytes:
        """Return the content of the new file."""
        noise = np.random.default_rng(int(checksum(sound.location)[16:32], 16))
        return written(self._noisy(sound, noise))

    def _noisy(self, sound: OpenSound, noise: np.random.Generator) -> Iterator[tuple[np.ndarray, int]]:
        for block, rate in blocks(sound.frames()):
            yield block + self.amplitude * noise.standard_normal(block.shape, np.float32), rate


@dataclass(frozen=True)
class NoisySometimes(SoundFeature[tuple[NoisySound, ...]]):
    """Add noise to a share of the sounds, of an amplitude between two bounds; the content decides both."""

    share: float
    least: float
    most: float

    def __call__(self, sound: OpenSound) -> tuple[NoisySound, ...]:
        """Return the new file, or none."""
        digest = checksum(sound.location)
        drawn, amplitude = (int(digest[start : start + 16], 16) / _DRAWN for start in (0, 32))
        return (NoisySound(self.least + (self.most - self.least) * amplitude),) if drawn < self.share else ()
