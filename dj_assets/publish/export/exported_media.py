"""The images and clips of refined samples, found at the same paths as in the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from dj_assets.errors import MediaError, UserError
from dj_assets.home.run_manifest import RunManifest, RunMedia
from dj_assets.media.listing import entries, without_contents
from dj_assets.media.locations import MediaLocation, Root
from dj_assets.media.media_keys import MediaKeys
from dj_assets.sources.fields import ID, SAMPLE_NAME
from dj_assets.stores.media_reader import with_content


@dataclass(frozen=True)
class MediaFile:
    """Hold one image or clip of a sample: the path that the sample lists, and the location of the bytes."""

    listed: str
    location: MediaLocation

    @property
    def ending(self) -> str:
        """Return the ending of the file's name, without the dot and in lower case; `bin` if it has none."""
        return PurePosixPath(self.listed.partition("?")[0]).suffix.lstrip(".").lower() or "bin"


@dataclass(frozen=True)
class MediaSource:
    """Hold the fields that list the media of one refined file's samples, and the root of their paths."""

    root: Root
    images: str = MediaKeys.images
    videos: str = MediaKeys.videos
    audios: str = MediaKeys.audios
    image_bytes: str = MediaKeys.image_bytes

    @classmethod
    def of_file(cls, manifest: RunManifest, number: int, made: str) -> MediaSource:
        """Return the media source of a source file, from the manifest of the run that measured it.

        `made` is the folder, or the URL, of the media that operators made.
        """
        keys = (manifest.media or RunMedia()).keys
        return cls(manifest.media_root(number, made), keys.images, keys.videos, keys.audios, keys.image_bytes)

    def files(self, record: Mapping[str, object]) -> list[MediaFile]:
        """Return the media of a sample in the order of its lists, images first.

        Raises
        ------
        UserError
            If one is missing or refused; the message names the sample.
        """
        images = entries(record.get(self.images), self.images, record.get(self.image_bytes), self.image_bytes) or []
        others = [entry for key in (self.videos, self.audios) for entry in entries(record.get(key), key) or []]
        return [MediaFile(name, self._location(name, content, record)) for name, content in (*images, *others)]

    def without_contents(self, record: Mapping[str, object]) -> dict[str, object]:
        """Return a record without the bytes of its media, which are exported as files."""
        listing = {self.images, self.videos, self.audios}
        return {
            key: without_contents(value) if key in listing else value
            for key, value in record.items()
            if key != self.image_bytes
        }

    def from_anywhere(self, field: str, value: object, contents: object) -> list[tuple[str, bytes | None]] | None:
        """Return the files of a field as paths that lead to them from anywhere, or names with their bytes.

        Parameters
        ----------
        field
            The field that lists them.
        value, contents
            Its value, and the value of the field with the bytes of its files; None where a sample has none.

        Raises
        ------
        MediaError
            If a path is refused.
        """
        if value is None and contents is None:
            return None
        found = entries(value, field, contents, self.image_bytes) or []
        return [(name if content else self.root.from_anywhere(name), content) for name, content in found]

    def _location(self, name: str, content: bytes | None, record: Mapping[str, object]) -> MediaLocation:
        if content is not None:
            return MediaLocation(name, content=content)
        try:
            return with_content(self.root.find(name))
        except MediaError as error:
            sample = record.get(SAMPLE_NAME, record.get(ID))
            raise UserError(
                f"{name}: {error}, but sample {sample} names it (looked in {self.root.folder}); "
                "bring it back, or export as jsonl or parquet, which list paths alone"
            ) from None
