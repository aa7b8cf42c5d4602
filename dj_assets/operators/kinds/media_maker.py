"""Define the base classes of operators that make media files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import pyarrow as pa

from dj_assets.errors import SampleError
from dj_assets.media.made import MadeFiles
from dj_assets.media.making import Making
from dj_assets.media.media_keys import MediaKeys
from dj_assets.operators.base import ByParameters, FieldMapper
from dj_assets.operators.batch import SOURCE_FILE, Batch
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.operators.views.media_batch import media
from dj_assets.operators.views.sample_fields import field_values

_PATHS = pa.list_(pa.string())


class MediaWriter(MediaOperator):
    """Write new media files. They are named by their content, and no file is written twice.

    An operator that paints writes them itself, by `files_of`. By default, the step takes only samples that the filters
    before it keep.
    """

    by_default_conditional: ClassVar[bool] = True

    save_field: str | None = None

    def written_to(self, keys: MediaKeys) -> MediaKeys:
        """Return the fields that list the new files, given those that the operator reads."""
        if self.save_field is None:
            return keys
        own: dict[str, str] = {self.media: self.save_field}
        return replace(keys, **own)  # type: ignore[arg-type]


class MediaMaker(MediaWriter):
    """Make new files of listed media.

    The new files are those that `making` says; the operator finds their names by `media(batch).made`.
    """

    @abstractmethod
    def making(self) -> Making:
        """Return what new files the operator makes of each file, as a feature."""


def files_of(batch: Batch) -> MadeFiles:
    """Return the folder into which operators write new files.

    Raises
    ------
    ValueError
        If the batch was made without one.
    """
    files = media(batch).media_access.files
    if files is None:
        raise ValueError("this batch does not know where new files belong")
    return files


class MediaRewriter(MediaMaker, FieldMapper):
    """Replace listed media by the files that are made of them; a medium of which none is made stays listed.

    The field `__dj__source_file__` names the medium that each listed file was made of, or is.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(lambda operator: operator.written_fields)

    @property
    def written_fields(self) -> Mapping[str, pa.DataType]:
        """Return the names and types of the fields that list the new files and their sources."""
        keys = self.written_to(self.keys(self.media_of_recipe))
        return {keys.field_of(self.media): _PATHS, SOURCE_FILE: _PATHS}

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the files that every sample lists now, and the sources of these."""
        seen = media(batch)
        keys = seen.media_access.keys
        held = field_values(batch, keys.image_bytes) if self.media == "images" else [None] * len(batch)
        lists, sources = [], []
        samples = zip(seen.listed(self.media), seen.made(self.media, self.making()), held, strict=True)
        for listed, made, content in samples:
            if content is not None:
                raise SampleError(f"{keys.image_bytes}: holds the images themselves, which are not replaced")
            now = [list(new) or [path] for path, new in zip(listed, made, strict=True)]
            lists.append([path for paths in now for path in paths])
            sources.append([path for path, paths in zip(listed, now, strict=True) for _ in paths])
        names = iter(self.written_fields)
        return {next(names): pa.array(lists, _PATHS), next(names): pa.array(sources, _PATHS)}
