"""The images and clips of one sample, for the browser: only files that the sample lists, within its media root."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath

import pyarrow.parquet as pq

from dj_assets.errors import MediaError
from dj_assets.home.layout import Layout
from dj_assets.home.run_manifest import RunManifest
from dj_assets.loopback import Reply
from dj_assets.media.listing import Entry, entries
from dj_assets.media.locations import MediaLocation, Root
from dj_assets.media.tokens import Kind
from dj_assets.operators.batch import FIELDS, Batch
from dj_assets.operators.views.sample_fields import field_values
from dj_assets.recipe.plan import Plan

# Types that a browser shows, by the first bytes of the file and never by its name; none of them can hold a script.
_HEAD_BYTES = 16
_TYPES: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("image/jpeg", re.compile(rb"\xff\xd8\xff")),
    ("image/png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("image/gif", re.compile(rb"GIF8[79]a")),
    ("image/webp", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("image/bmp", re.compile(rb"BM")),
    ("image/avif", re.compile(rb"....ftypavif", re.DOTALL)),
    ("video/mp4", re.compile(rb"....ftyp", re.DOTALL)),
    ("video/webm", re.compile(rb"\x1aE\xdf\xa3")),
)


@dataclass(frozen=True)
class Medium:
    """One listed file of a sample: its kind, its number among those of its kind, and its name for people."""

    kind: Kind
    number: int
    name: str


@dataclass(frozen=True)
class SampleMedia:
    """The media that the samples of one run list."""

    plan: Plan
    layout: Layout
    manifest: RunManifest

    def listed(self, sample: Batch | None) -> list[Medium]:
        """Return the images and clips of a sample, given by its fields; none if they list none."""
        return [
            Medium(kind, number, PurePath(entry.name).name)
            for kind, found in self._entries(sample).items()
            for number, entry in enumerate(found)
        ]

    def reply(self, shard: int, row: int, kind: str, number: int) -> Reply:
        """Return the file of a listed image or clip.

        Raises
        ------
        MediaError
            If the sample lists no such file, the file is outside of the media root or in an object store, or a
            browser cannot show it.
        """
        found = {str(name): listed for name, listed in self._entries(self.fields(shard, row)).items()}.get(kind, [])
        if not 0 <= number < len(found):
            raise MediaError("the sample lists no such file")
        location = _location(found[number], self.manifest.media_root(shard, self.layout.made_media))
        if location.stored or "://" in location.path:
            raise MediaError("is in an object store or on the web, and is not fetched for this page")
        file = location.open()
        head = file.read(_HEAD_BYTES)
        media_type = next((name for name, pattern in _TYPES if pattern.match(head)), None)
        if media_type is None:
            file.close()
            raise MediaError("is no image or clip that a browser shows")
        return Reply(file, media_type, location.file_bytes)

    def fields(self, shard: int, row: int) -> Batch | None:
        """Return a batch of one sample with its fields; None where they are not stored."""
        path = self.layout.fetched("fields", shard)
        if not path.exists():
            return None
        table = pq.read_table(path, columns=[FIELDS], filters=[("row", "=", row)])
        return Batch(table.combine_chunks().to_batches()[0]) if len(table) else None

    def _entries(self, batch: Batch | None) -> dict[Kind, list[Entry]]:
        if batch is None:
            return {}
        keys = self.plan.recipe.media
        images, contents, videos = (field_values(batch, key)[0] for key in (keys.images, keys.image_bytes, keys.videos))
        return {
            "images": entries(images, keys.images, contents, keys.image_bytes) or [],
            "videos": entries(videos, keys.videos) or [],
        }


def _location(entry: Entry, root: Root) -> MediaLocation:
    if entry.content is not None:
        return MediaLocation(entry.name, content=entry.content)
    return root.find(entry.name)
