"""A media feature that names the decoder of a clip: it is part of the identity of what is measured.

A decoder that is not the usual one is recorded with the media of a source file. Files that an earlier version measured
with another decoder are measured again; the others keep their statistics.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, ClassVar

from dj_assets.media.captures import OpenCvCapture
from dj_assets.media.clip import OpenClip
from dj_assets.media.decoders import capture_of
from dj_assets.media.feature import ClipFeature, MediaFeature, Purpose
from dj_assets.media.frames import DecordFrames
from dj_assets.media.locations import MediaLocation

# Version of the choice of decoders: increase it when files are decoded otherwise than before.
DECODERS = 2
# The decoders of version 1; they are not recorded.
_USUAL = frozenset({DecordFrames.name, OpenCvCapture.name})


@dataclass(frozen=True)
class ClipDecodedBy(ClipFeature[str]):
    """Name the library that decodes a clip for a purpose."""

    decoded_for: ClassVar[None] = None

    purpose: Purpose

    def __call__(self, clip: OpenClip) -> str:
        """Return the name."""
        if self.purpose == "frames":
            return clip.decoder.name
        with closing(capture_of(clip)) as capture:
            return capture.name


def decoders_of(features: Iterable[MediaFeature[Any]]) -> list[ClipDecodedBy]:
    """Return the features that name the decoders by which some features are computed, each once."""
    clip_features = [feature for feature in features if isinstance(feature, ClipFeature)]
    purposes = dict.fromkeys(feature.decoded_for for feature in clip_features if feature.decoded_for is not None)
    return [ClipDecodedBy(purpose) for purpose in purposes]


def unusual_decoders(values: Mapping[tuple[MediaLocation, MediaFeature[Any]], object]) -> dict[str, str]:
    """Return the decoder of each clip that is decoded otherwise than by version 1, by its file and the purpose."""
    return {
        f"{location.path}\0{location.offset}\0{feature}": value
        for (location, feature), value in values.items()
        if isinstance(feature, ClipDecodedBy) and isinstance(value, str) and value not in _USUAL
    }
