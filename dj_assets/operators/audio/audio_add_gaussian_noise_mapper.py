"""Add noise to sounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from dj_assets.media.noise import NoisySometimes
from dj_assets.operators.kinds.media_maker import MediaRewriter
from dj_assets.operators.registry import register


@register("audio_add_gaussian_noise_mapper")
class AudioAddGaussianNoiseMapper(MediaRewriter):
    """Add Gaussian noise to a share `p` of the sounds, and list the new files in their place.

    The amplitude, which is the standard deviation of the noise, is between `min_amplitude` and `max_amplitude`; 1 is
    the loudest sound. The content of a sound decides whether noise is added, and which: every run gives the same. New
    sounds are WAV files of 16 bits, in the folder `media` of the output. `save_dir` has no effect.
    """

    media: ClassVar[Literal["audios"]] = "audios"
    packages: ClassVar[Mapping[str, str]] = {"av": "vision"}

    min_amplitude: float = Field(0.001, ge=0)
    max_amplitude: float = Field(0.015, ge=0)
    p: float = Field(0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _bounds_fit(self) -> AudioAddGaussianNoiseMapper:
        if self.min_amplitude >= self.max_amplitude:
            raise ValueError("min_amplitude is not below max_amplitude")
        return self

    def making(self) -> NoisySometimes:
        """Return the noise."""
        return NoisySometimes(self.p, self.min_amplitude, self.max_amplitude)
