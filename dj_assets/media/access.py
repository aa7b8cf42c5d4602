"""Give operators access to the media of an input."""

from __future__ import annotations

from dataclasses import dataclass, field

from dj_assets.media.feature import MediaFeature
from dj_assets.media.locations import MediaLocation, Root
from dj_assets.media.made import MadeFiles
from dj_assets.media.making import Making
from dj_assets.media.media_keys import MediaKeys
from dj_assets.media.reader import MediaReader
from dj_assets.media.request import Failed


@dataclass(frozen=True)
class MediaAccess:
    """Find and read the media of an input; `values` holds the features that were computed so far, or `Failed`.

    Operators that make files write them to `files`, which is None where none is allowed to; `made` holds the names of
    the files that were made so far.
    """

    keys: MediaKeys
    root: Root
    reader: MediaReader
    values: dict[tuple[MediaLocation, MediaFeature[object]], object] = field(default_factory=dict, repr=False)
    files: MadeFiles | None = None
    made: dict[tuple[MediaLocation, Making], tuple[str, ...] | Failed] = field(default_factory=dict, repr=False)
