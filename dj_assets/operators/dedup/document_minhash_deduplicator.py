"""Near duplicates by MinHash."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, PositiveInt, model_validator

from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.shingles import ShingleDeduplicator, punctuation_flags
from dj_assets.operators.registry import register
from dj_assets.operators.views.text_views import pieces_of

if TYPE_CHECKING:
    from dj_assets.kernels.minhash import Permutations


@register("document_minhash_deduplicator")
class DocumentMinhashDeduplicator(ShingleDeduplicator):
    """Keep the first of texts whose MinHash signatures agree in a band, chains included.

    A shingle is `window_size` adjacent units: between spaces (`space`; line feeds do not separate), between
    punctuation (`punctuation`, empty units count), single characters (`character`) or the pieces of the model
    `tokenizer_model` (`sentencepiece`). The signature is the smallest of the shingles' SHA-1 hashes under each of
    `num_permutations` permutations (Broder 1997), cut into `num_bands` bands of `num_rows_per_band` values; unless both
    are given, they are those that tell best whether the Jaccard similarity of two texts is above `jaccard_threshold`.
    No exact comparison follows.

    What is stored is a 64-bit hash a band. Among a million samples with 25 bands the chance that two bands that differ
    have one hash anywhere is 7e-7, among 100 million 0.7 %.

    A text with fewer units than `window_size` has no shingle, so all such texts are duplicates of each other, as in
    Data-Juicer; with `keep_short_texts` they are duplicates of none.
    """

    signature_type: ClassVar[pa.DataType] = pa.list_(pa.uint64())

    tokenization: Literal["space", "punctuation", "character", "sentencepiece"] = "space"
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
        """Return the SentencePiece model, where units are pieces."""
        return (self.tokenizer_model,) if self.tokenization == "sentencepiece" and self.tokenizer_model else ()

    @cached_property
    def bands(self) -> tuple[int, int]:
        """The number of bands, and of values in each."""
        from dj_assets.kernels.minhash import best_bands

        if self.num_bands and self.num_rows_per_band:
            return self.num_bands, self.num_rows_per_band
        return best_bands(self.num_permutations, self.jaccard_threshold)

    @cached_property
    def short_text_keys(self) -> tuple[int, ...]:
        """The keys of a text without a shingle."""
        from dj_assets.kernels.minhash import NO_SHINGLE, band_keys

        bands, rows = self.bands
        nothing = np.full((1, bands * rows), NO_SHINGLE, np.uint32)
        return tuple(int(key) for key in band_keys(nothing, bands, rows)[0])

    def sign(self, batch: Batch) -> pa.Array:
        """Return one key a band for every text."""
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
            return minhash(*buffers(prepared), self.window_size, split, punctuation_flags(), permutations)
        found = pieces_of(batch.with_text(prepared), str(self.tokenizer_model))
        data, ends = buffers(found.vocabulary.take(pa.array(found.codes)))
        return minhash_of_pieces(data, ends.astype(np.int64), found.offsets, self.window_size, permutations)

    def distance(self, own: str, kept: str) -> str:
        """Return the share of bands that differ: 0 for equal signatures, 1 where only a chain unites the two."""
        return f"1 - len(list_intersect({own}, {kept})) / len({own})"
