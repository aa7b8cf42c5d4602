"""Give operators access to the media of an input."""

from __future__ import annotations

from dataclasses import dataclass, field

from dj_assets.media.feature import MediaFeature
from dj_assets.media.locations import MediaLocation, Root
from dj_assets.media.media_keys import MediaKeys
from dj_assets.media.reader import MediaReader


@dataclass(frozen=True)
class MediaAccess:
    """Find and read the media of an input; `values` holds the features that were computed so far, or `Failed`."""

    keys: MediaKeys
    root: Root
    reader: MediaReader
    values: dict[tuple[MediaLocation, MediaFeature[object]], object] = field(default_factory=dict, repr=False)
