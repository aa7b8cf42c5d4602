"""Remove near duplicates by MinHash."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, PositiveInt, model_validator

from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.shingles import ShingleDeduplicator, separators
from dj_assets.operators.registry import register
from dj_assets.operators.views.text_views import pieces_of

if TYPE_CHECKING:
    from dj_assets.kernels.minhash import Permutations


@register("document_minhash_deduplicator")
class DocumentMinhashDeduplicator(ShingleDeduplicator):
    """Keep the first of texts whose MinHash signatures agree in a band, chains included.

    A shingle is `window_size` adjacent units. `tokenization` selects the units: the text between spaces (`space`; line
    feeds do not separate), between punctuation (`punctuation`; empty units count), single characters (`character`),
    words (`word`: letters, marks, digits and underscores; nothing else counts) or the pieces of the model
    `tokenizer_model` (`sentencepiece`). The signature is the smallest SHA-1 hash of the
    shingles under each of `num_permutations` permutations (Broder 1997), divided into `num_bands` bands of
    `num_rows_per_band` values. Unless both are given, they are chosen to separate best the pairs of texts whose Jaccard
    similarity is above `jaccard_threshold` from the others. No exact comparison follows.

    A 64-bit hash is stored for each band. Among a million samples with 25 bands, the probability that any two different
    bands have the same hash is 7e-7; among 100 million it is 0.7 %.

    A text with fewer units than `window_size` has no shingle, so all such texts are duplicates of each other, as in
    Data-Juicer. With `keep_short_texts` they are duplicates of no other text.
    """

    signature_type: ClassVar[pa.DataType] = pa.list_(pa.uint64())

    tokenization: Literal["space", "punctuation", "character", "word", "sentencepiece"] = "space"
    window_size: PositiveInt = 5
    num_permutations: int = Field(default=256, ge=1, le=4096)
    jaccard_threshold: float = Field(default=0.7, ge=0, le=1)
    num_bands: PositiveInt | None = None
    num_rows_per_band: PositiveInt | None = None
    tokenizer_model: str | None = None

    @model_validator(mode="after")
    def _bands_fit(self) -> Self:
        if (
            self.num_bands
            and self.num_rows_per_band
            and self.num_bands * self.num_rows_per_band > self.num_permutations
        ):
            raise ValueError(
                f"num_bands x num_rows_per_band ({self.num_bands} x {self.num_rows_per_band}) must not be greater than "
                f"num_permutations ({self.num_permutations})"
            )
        return self

    @model_validator(mode="after")
    def _pieces_have_a_model(self) -> Self:
        if self.tokenization == "sentencepiece" and not self.tokenizer_model:
            raise ValueError("tokenization 'sentencepiece' needs a tokenizer_model, such as en.sp.model")
        return self

    def models(self) -> tuple[str, ...]:
        """Return the SentencePiece model if the units are its pieces."""
        return (self.tokenizer_model,) if self.tokenization == "sentencepiece" and self.tokenizer_model else ()

    @cached_property
    def bands(self) -> tuple[int, int]:
        """Return the number of bands and the number of values in each."""
        from dj_assets.kernels.minhash import best_bands

        if self.num_bands and self.num_rows_per_band:
            return self.num_bands, self.num_rows_per_band
        return best_bands(self.num_permutations, self.jaccard_threshold)

    @cached_property
    def short_text_keys(self) -> tuple[int, ...]:
        """Return the keys of a text without a shingle."""
        from dj_assets.kernels.minhash import NO_SHINGLE, band_keys

        bands, rows = self.bands
        nothing = np.full((1, bands * rows), NO_SHINGLE, np.uint32)
        return tuple(int(key) for key in band_keys(nothing, bands, rows)[0])

    def sign(self, batch: Batch) -> pa.Array:
        """Return one key for each band of every text."""
        from dj_assets.kernels.minhash import NO_SHINGLE, band_keys, permutations

        bands, rows = self.bands
        values = self.minhash(batch, permutations(bands * rows))
        offsets = pa.array(np.arange(len(values) + 1) * bands, pa.int32())
        keys = pa.array(band_keys(values, bands, rows).ravel(), pa.uint64())
        short = (values == NO_SHINGLE).all(axis=1) & self.keep_short_texts
        return pa.ListArray.from_arrays(offsets, keys, mask=pa.array(short) if short.any() else None)

    def minhash(self, batch: Batch, permutations: Permutations) -> npt.NDArray[np.uint32]:
        """Return the smallest hash of every text under each permutation, shape `(len(batch), permutations)`."""
        from dj_assets.kernels.arrays import buffers
        from dj_assets.kernels.minhash import minhash, minhash_of_pieces
        from dj_assets.kernels.units import SPLITS

        prepared = self.prepared(batch)
        if self.tokenization != "sentencepiece":
            split = SPLITS[self.tokenization]
            return minhash(*buffers(prepared), self.window_size, split, separators(self.tokenization), permutations)
        pieces = pieces_of(batch.with_text(prepared), str(self.tokenizer_model))
        data, ends = buffers(pieces.vocabulary.take(pa.array(pieces.codes)))
        return minhash_of_pieces(data, ends.astype(np.int64), pieces.offsets, self.window_size, permutations)

    def distance(self, own: str, kept: str) -> str:
        """Return SQL for the share of bands that differ: 0 for equal signatures, 1 if only a chain connects the two."""
        return f"1 - len(list_intersect({own}, {kept})) / len({own})"
