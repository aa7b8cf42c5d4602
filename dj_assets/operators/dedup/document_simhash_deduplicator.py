"""Near duplicates by simhash."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from dj_assets.operators.base import Deduplicator
from dj_assets.operators.batch import Batch
from dj_assets.operators.registry import register
from dj_assets.operators.text.views import lowered

PUNCTUATION = r"\p{P}"


@register("document_simhash_deduplicator")
class DocumentSimhashDeduplicator(Deduplicator):
    """Keep the first of texts whose simhashes are at most `hamming_distance` bits apart, chains included.

    A shingle is `window_size` adjacent units: between spaces (`space`; line feeds do not separate), between
    punctuation (`punctuation`, empty units count) or single characters (`character`). Its hash is the first half of
    its MD5; a bit of the signature is set where most hashes have it set (Charikar 2002, Manku et al. 2007).

    A text with fewer units than `window_size` has no shingle and the signature 0, so all such texts are duplicates
    of each other, as in Data-Juicer; with `keep_short_texts` they are duplicates of none.
    `num_blocks` steers the search only: the pairs found are exact.
    """

    judging: ClassVar[frozenset[str]] = frozenset({"num_blocks", "hamming_distance"})
    signature_type: ClassVar[pa.DataType] = pa.uint64()
    empty_signature: ClassVar[int | None] = 0

    tokenization: Literal["space", "punctuation", "character"] = "space"
    window_size: PositiveInt = 6
    lowercase: bool = True
    ignore_pattern: str | None = None
    num_blocks: int = Field(default=6, ge=1, le=64)
    hamming_distance: NonNegativeInt = 4
    keep_short_texts: bool = False

    @field_validator("ignore_pattern")
    @classmethod
    def _pattern_compiles(cls, pattern: str | None) -> str | None:
        import regex

        try:
            regex.compile(pattern or "")
        except regex.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
        return pattern

    @model_validator(mode="after")
    def _more_blocks_than_distance(self) -> Self:
        if self.num_blocks <= self.hamming_distance:
            raise ValueError(
                f"num_blocks ({self.num_blocks}) must be greater than hamming_distance ({self.hamming_distance})"
            )
        return self

    def sign(self, batch: Batch) -> pa.Array:
        """Return the simhash of every text."""
        from dj_assets.kernels.arrays import buffers
        from dj_assets.kernels.simhash import CHARACTERS, SEPARATORS, SPACES, simhash

        split = {"space": SPACES, "punctuation": SEPARATORS, "character": CHARACTERS}[self.tokenization]
        signatures, shingles = simhash(*buffers(self._prepared(batch)), self.window_size, split, _punctuation_flags())
        return pa.array(signatures, pa.uint64(), mask=(shingles == 0) if self.keep_short_texts else None)

    def near_pairs(self, distinct: npt.NDArray[Any]) -> pa.Table:
        """Return all pairs of signatures at most `hamming_distance` bits apart."""
        from dj_assets.kernels.hamming import near_pairs

        values = distinct.astype(np.uint64, copy=False)
        a, b, distance = near_pairs(values, self.hamming_distance, self.num_blocks)
        return pa.table({"a": pa.array(values[a]), "b": pa.array(values[b]), "distance": pa.array(distance)})

    def _prepared(self, batch: Batch) -> pa.StringArray:
        """Return the texts in lower case and without what is ignored."""
        text = lowered(batch) if self.lowercase else batch.text
        if not self.ignore_pattern:
            return text
        return _without_punctuation(text) if self.ignore_pattern == PUNCTUATION else _without(self.ignore_pattern, text)


def _without(pattern: str, text: pa.StringArray) -> pa.StringArray:
    import regex

    ignored = regex.compile(pattern)
    return pa.array([ignored.sub("", one) for one in text.to_pylist()], pa.string())


def _without_punctuation(text: pa.StringArray) -> pa.StringArray:
    """Delete punctuation, the pattern of nearly every recipe, without a regular expression."""
    from dj_assets.kernels.arrays import buffers, strings
    from dj_assets.kernels.replacements import replace_characters, replacements, row_bounds

    data, offsets = buffers(text)
    deleted = replace_characters(data, *row_bounds(offsets), replacements(_punctuation()))
    return text if deleted is None else strings(*deleted)


@cache
def _punctuation() -> dict[str, str]:
    """Return every punctuation character, deleted."""
    import regex

    return dict.fromkeys(regex.findall(PUNCTUATION, "".join(map(chr, range(0x110000)))), "")


@cache
def _punctuation_flags() -> npt.NDArray[np.uint8]:
    flags = np.zeros(0x110000, np.uint8)
    flags[[ord(character) for character in _punctuation()]] = 1
    return flags
