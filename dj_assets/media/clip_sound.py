"""The sound of a clip, as models of speech take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dj_assets.errors import MediaError
from dj_assets.media.clip import OpenClip
from dj_assets.media.feature import ClipFeature
from dj_assets.media.sound import OpenSound

# Samples a second.
RATE = 16_000


@dataclass(frozen=True)
class ClipSound(ClipFeature["np.ndarray | None"]):
    """Decode the first sound of a clip as one channel of 16 kHz, at most `longest` seconds of it."""

    decoded_for: ClassVar[None] = None

    longest: int = 600

    def __call__(self, clip: OpenClip) -> np.ndarray | None:
        """Return the samples, `int16`, shape `(n,)`; None for a clip without sound."""
        import av

        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        parts: list[np.ndarray] = []
        decoded = 0
        with OpenSound(clip.location) as sound:
            sound.alive = clip.alive
            if not sound.has_sound:
                return None
            for frame in sound.frames():
                frame.pts = None
                parts += [part.to_ndarray()[0] for part in resampler.resample(frame)]
                decoded += frame.samples
                if decoded > self.longest * frame.sample_rate:
                    break
            else:
                parts += [part.to_ndarray()[0] for part in resampler.resample(None)]
        if not parts:
            raise MediaError("has a sound of no length")
        return np.concatenate(parts)[: self.longest * RATE].astype(np.int16)
