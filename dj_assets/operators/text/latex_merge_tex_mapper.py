"""Read the LaTeX sources of an archive into the text."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from dj_assets.errors import SampleError
from dj_assets.media.media_keys import MediaKeys
from dj_assets.media.tex_archive import TexSources
from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.operators.registry import register
from dj_assets.operators.views.media_batch import media

_MIB = 1024 * 1024


@register("latex_merge_tex_mapper")
class LatexMergeTexMapper(MediaOperator, Mapper):
    r"""Replace the text by the `.tex` files of the archive that the field `compressed_file_key` names, joined.

    Archives are `.zip`, `.tar`, `.tar.gz` and `.tgz` files in the folder of the source; their files keep their order.
    An archive without `.tex` files gives an empty text. A damaged archive, one with a `.tex` file of more than
    `max_file_size` bytes, or with more than `max_total_size` bytes of them, quarantines the sample; 0 is no limit.
    """

    media: ClassVar[Literal["images"]] = "images"

    compressed_file_key: str = Field("compressed_file", min_length=1)
    separator: str = "\n\n"
    max_file_size: int | None = Field(50 * _MIB, ge=0)
    max_total_size: int | None = Field(100 * _MIB, ge=0)

    def keys(self, of_recipe: MediaKeys) -> MediaKeys:
        """Return the fields of the recipe with that of the archive in place of the images."""
        return replace(of_recipe, images=self.compressed_file_key, image_bytes="")

    def features(self) -> tuple[TexSources]:
        """Return the sources."""
        return (TexSources(self.max_file_size or 0, self.max_total_size or 0),)

    def apply(self, batch: Batch) -> Batch:
        """Return the batch with the sources as its texts."""
        (feature,) = self.features()
        texts = []
        for archives in media(batch).values("images", feature):
            if len(archives) != 1:
                raise SampleError(f"{self.compressed_file_key}: names {len(archives)} archives, one is needed")
            texts.append(self.separator.join(archives[0]))
        return batch.with_text(pa.array(texts, pa.string()))
