"""Deduplicators that compare vectors: the signature is a hash, and the vector is stored next to it."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, PositiveInt

from dj_assets.operators.base import Deduplicator
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.vectors import USUAL_SIZE, Int16s, clusters, near, whole_vectors

VECTOR = pa.list_(pa.int16())


class VectorDeduplicator(Deduplicator):
    """Keep the first of samples whose vectors are near each other, chains included.

    The threshold and the clusters judge stored vectors: a new value embeds nothing again.
    """

    judging: ClassVar[frozenset[str]] = frozenset({"similarity_threshold", "num_clusters", "nearest_clusters"})

    similarity_threshold: float = Field(default=0.9, gt=0, le=1)
    num_clusters: PositiveInt | None = None
    nearest_clusters: PositiveInt = 1

    @abstractmethod
    def embed(self, batch: Batch) -> npt.NDArray[np.float32]:
        """Return one vector for each sample, shape `(len(batch), d)`; zeros mean that a sample has none."""

    @property
    def may_be_near(self) -> bool:
        """Return true: samples with different vectors may be duplicates."""
        return True

    def sign_with_vectors(self, batch: Batch) -> tuple[pa.Array, pa.Array]:
        """Return the signature of each sample and its vector in whole numbers; both are null without a vector."""
        whole = whole_vectors(self.embed(batch)) if len(batch) else np.zeros((0, 1), np.int16)
        empty = ~whole.any(axis=1)
        hashes = [int.from_bytes(hashlib.blake2b(row.tobytes(), digest_size=8).digest(), "little") for row in whole]
        offsets = pa.array(np.arange(len(whole) + 1, dtype=np.int32) * whole.shape[1])
        mask = pa.array(empty) if empty.any() else None
        vectors = pa.ListArray.from_arrays(offsets, pa.array(whole.ravel(), pa.int16()), mask=mask)
        return pa.array(np.array(hashes, np.uint64), mask=empty), vectors

    def sign(self, batch: Batch) -> pa.Array:
        """Return a 64-bit hash of the vector of each sample."""
        return self.sign_with_vectors(batch)[0]

    def near_pairs(self, distinct: np.ndarray, threads: int = 1) -> pa.Table:  # noqa: ARG002
        """Return no pairs: hashes alone tell none; see `near_vectors`."""
        return _pairs(distinct[:0], distinct[:0], np.empty(0))

    def near_vectors(self, distinct: np.ndarray, vectors: Int16s) -> pa.Table:
        """Return the pairs of `near_pairs` by k-means, and the pairs within each cluster (SemDeDup, Abbas et al. 2023).

        With `nearest_clusters` above 1 each vector is in several clusters, so that fewer pairs are missed.

        Parameters
        ----------
        distinct
            Sorted distinct signatures, shape `(n,)`.
        vectors
            Their vectors, shape `(n, d)`.
        """
        number = self.num_clusters or -(-len(distinct) // USUAL_SIZE) or 1
        if not len(distinct):
            return self.near_pairs(distinct)
        found = [*near(vectors, clusters(vectors, number, self.nearest_clusters), self.similarity_threshold)]
        a, b, cosines = (np.concatenate(parts) for parts in zip(*found, strict=True))
        order = np.lexsort((b, a))
        return _pairs(distinct[a[order]], distinct[b[order]], 1 - cosines[order])

    def distance(self, own: str, kept: str) -> str:
        """Return SQL for the cosine distance of two vectors, 0..2; through a chain it may be above the threshold."""
        return f"round(1 - list_cosine_similarity({own}::FLOAT[], {kept}::FLOAT[]), 6)"


def _pairs(a: np.ndarray, b: np.ndarray, distance: npt.NDArray[np.float64]) -> pa.Table:
    kinds = {"a": pa.uint64(), "b": pa.uint64(), "distance": pa.float64()}
    return pa.table({name: pa.array(values, kinds[name]) for name, values in zip(kinds, (a, b, distance), strict=True)})
