"""Filter by the CLIP similarity of chunks of text to their images or frames."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from dj_assets.models import load
from dj_assets.models.store import ModelStore
from dj_assets.models.vision.pixels import preprocessing
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import ListRangeFilter
from dj_assets.operators.views.crops import Flips
from dj_assets.operators.views.media_batch import media
from dj_assets.operators.views.scores import Model, lists, reduced, text_vectors

if TYPE_CHECKING:
    import numpy as np

    from dj_assets.models.vision.pixels import Geometry
    from dj_assets.operators.views.scores import Reduction


class TextSimilarityFilter(ListRangeFilter):
    """Filter by the similarity of each chunk of text to the images or frames of its special tokens."""

    bounds = ("min_score", "max_score")

    hf_clip: str = "openai/clip-vit-base-patch32"
    min_score: float = 0.1
    max_score: float = 1.0
    horizontal_flip: bool = False
    vertical_flip: bool = False

    def models(self) -> tuple[str, ...]:
        """Return the name of the CLIP model."""
        return (self.hf_clip,)

    @property
    @abstractmethod
    def reduction(self) -> Reduction:
        """Return how the numbers of a chunk are combined."""

    @abstractmethod
    def vectors(self, batch: Batch, output: str, encode: Model) -> list[list[np.ndarray]]:
        """Return the CLIP vectors of all listed files, nested like their paths; `output` is the cache key."""

    @abstractmethod
    def of_chunk(self, files: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        """Return all vectors of the files of a chunk, one after another."""

    def geometry(self, models: ModelStore) -> tuple[Geometry, Flips]:
        """Return the form in which the model takes pictures, and how they are flipped before."""
        geometry = preprocessing(models.find(self.hf_clip).path).geometry
        return geometry, Flips(self.horizontal_flip, self.vertical_flip)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the similarity of every chunk."""
        (statistic,) = self.statistics
        chunks = media(batch).chunks(self.media)
        texts = [chunk.text for sample in chunks for chunk in sample]
        if not texts:
            return {statistic.key: lists([[] for _ in chunks])}
        path = batch.models.find(self.hf_clip).path
        model = load.clip(path)
        seen = self.vectors(batch, f"clip {path}", model.encode_images)
        read = text_vectors(batch, path, texts)
        similarities = [
            [
                reduced([model.similarity(one, read[text]) for one in self.of_chunk(files[which])], self.reduction)
                for text, which in sample
            ]
            for files, sample in zip(seen, chunks, strict=True)
        ]
        return {statistic.key: lists(similarities)}
