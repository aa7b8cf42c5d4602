"""Remove near duplicates by simhash."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import pyarrow as pa
from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.shingles import ShingleDeduplicator, separators
from dj_assets.operators.registry import register


@register("document_simhash_deduplicator")
class DocumentSimhashDeduplicator(ShingleDeduplicator):
    """Keep the first of texts whose simhashes are at most `hamming_distance` bits apart, chains included.

    A shingle is `window_size` adjacent units. `tokenization` selects the units: the text between spaces (`space`; line
    feeds do not separate), between punctuation (`punctuation`; empty units count), single characters (`character`) or
    words (`word`: letters, marks, digits and underscores; nothing else counts).
    The hash of a shingle is the first half of its MD5. A bit of the signature is set if most hashes have it set
    (Charikar 2002, Manku et al. 2007).

    A text with fewer units than `window_size` has no shingle and the signature 0, so all such texts are duplicates of
    each other, as in Data-Juicer. With `keep_short_texts` they are duplicates of no other text. `num_blocks` is checked
    and has no effect: the search finds all pairs and chooses its own blocks.
    """

    judging: ClassVar[frozenset[str]] = frozenset({"num_blocks", "hamming_distance"})
    signature_type: ClassVar[pa.DataType] = pa.uint64()

    tokenization: Literal["space", "punctuation", "character", "word"] = "space"
    window_size: PositiveInt = 6
    num_blocks: int = Field(default=6, ge=1, le=64)
    hamming_distance: NonNegativeInt = 4

    @model_validator(mode="after")
    def _more_blocks_than_distance(self) -> Self:
        if self.num_blocks <= self.hamming_distance:
            raise ValueError(
                f"num_blocks ({self.num_blocks}) must be greater than hamming_distance ({self.hamming_distance})"
            )
        return self

    @property
    def short_text_keys(self) -> tuple[int, ...]:
        """Return the signature of a text without a shingle: 0."""
        return (0,)

    @property
    def within(self) -> int:
        """Return the largest Hamming distance of two duplicates."""
        return self.hamming_distance

    def sign(self, batch: Batch) -> pa.Array:
        """Return the simhash of every text."""
        from dj_assets.kernels.arrays import buffers
        from dj_assets.kernels.simhash import simhash
        from dj_assets.kernels.units import SPLITS

        split, between = SPLITS[self.tokenization], separators(self.tokenization)
        signatures, shingles = simhash(*buffers(self.prepared(batch)), self.window_size, split, between)
        return pa.array(signatures, pa.uint64(), mask=(shingles == 0) if self.keep_short_texts else None)

    def distance(self, own: str, kept: str) -> str:
        """Return SQL for the Hamming distance. Through a chain it may be above `hamming_distance`."""
        return f"bit_count(xor({own}, {kept}))"
