"""The LaTeX sources in an archive that a sample names."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from dj_assets.errors import MediaError
from dj_assets.media.archives import Member, members
from dj_assets.media.feature import ImageFeature
from dj_assets.media.image import OpenImage

_SUFFIX = ".tex"
_TARS = (".tar.gz", ".tgz", ".tar")


@dataclass(frozen=True)
class TexSources(ImageFeature[tuple[str, ...]]):
    """Read the `.tex` files of a ZIP or tar archive, in their order. Limits are in bytes; 0 is none.

    An archive is opened like an image: by the process with limits, from the folder of the source only.
    """

    most_of_file: int
    most_in_all: int

    def __call__(self, image: OpenImage) -> tuple[str, ...]:
        """Return the content of every file; invalid bytes are replaced.

        Raises
        ------
        MediaError
            If the name has another ending, the archive is damaged, or a limit is exceeded.
        """
        name = image.location.path.lower()
        with image.location.open() as file:
            try:
                if name.endswith(".zip"):
                    return tuple(self._limited(_in_zip(file)))
                if name.endswith(_TARS):
                    return tuple(self._limited(_in_tar(file)))
            except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
                raise MediaError(f"is an archive that cannot be read: {error}") from None
        raise MediaError("is no archive: its name ends neither with .zip nor with .tar, .tar.gz or .tgz")

    def _limited(self, files: Iterator[tuple[str, int, IO[bytes]]]) -> Iterator[str]:
        total = 0
        for name, size, file in files:
            total += size
            for length, most, key in (
                (size, self.most_of_file, "max_file_size"),
                (total, self.most_in_all, "max_total_size"),
            ):
                if most and length > most:
                    raise MediaError(f"{name[:100]!r} makes {length:,} bytes, above {key} {most:,}")
            yield file.read(size).decode("utf-8", "replace")


def _in_zip(file: IO[bytes]) -> Iterator[tuple[str, int, IO[bytes]]]:
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.filename.endswith(_SUFFIX) and not entry.is_dir():
                try:
                    with archive.open(entry) as content:
                        yield entry.filename, entry.file_size, content
                except RuntimeError as error:
                    raise zipfile.BadZipFile(str(error)) from None


def _in_tar(file: IO[bytes]) -> Iterator[tuple[str, int, IO[bytes]]]:
    with tarfile.open(fileobj=file, mode="r:*", tarinfo=Member) as archive:
        for member in members(archive):
            content = archive.extractfile(member) if member.isreg() and member.name.endswith(_SUFFIX) else None
            if content is not None:
                yield member.name, member.size, content
