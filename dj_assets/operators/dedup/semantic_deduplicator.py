"""Remove samples that say the same in other words."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import field_validator

from dj_assets.errors import SampleError
from dj_assets.models.store import ModelStore
from dj_assets.models.text.ask import problem_of_address
from dj_assets.models.text.chat import CallError
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.vector_deduplicator import VectorDeduplicator
from dj_assets.operators.registry import register


@register("semantic_deduplicator")
class SemanticDeduplicator(VectorDeduplicator):
    """Keep the first of texts whose embeddings are near each other, chains included, as SemDeDup does.

    `embedding_model` is a folder of model2vec or of sentence-transformers among the models. With `base_url`, such as
    `http://127.0.0.1:8000/v1`, it is the name of a model that a server with the interface of OpenAI embeds by
    (`/embeddings`). The embeddings are stored with the signatures, so that `similarity_threshold`, `num_clusters` and
    `nearest_clusters` measure nothing again.

    Embeddings are clustered by k-means, by default with about 4,096 in a cluster, and compared with all others of
    their cluster. Duplicates in different clusters are not found; with `nearest_clusters: 2` each text is in its two
    nearest clusters, which finds most of these and takes about four times the comparisons. Two texts are duplicates
    if the cosine of their embeddings is at least `similarity_threshold`. SemDeDup keeps the text that is least like
    its centre; here the first one is kept, as by all deduplicators. Embeddings are rounded to about four digits,
    which makes the result the same for any number of workers, threads and machines. A text without a known token has
    no embedding and is a duplicate of no other.
    """

    embedding_model: str = "minishlab/potion-base-8M"
    base_url: str | None = None

    @field_validator("base_url")
    @classmethod
    def _is_a_server(cls, value: str | None) -> str | None:
        problem = problem_of_address(value) if value else None
        if problem:
            raise ValueError(problem)
        return value

    def models(self) -> tuple[str, ...]:
        """Return the model, unless a server has it."""
        return () if self.base_url else (self.embedding_model,)

    def problem_with_models(self, models: ModelStore) -> str:
        """Return which package the model needs that is not installed, or why its folder holds no model."""
        if self.base_url:
            return ""
        from dj_assets.models.text.embeddings import problem_of_folder

        return problem_of_folder(models.find(self.embedding_model).path)

    def embed(self, batch: Batch) -> npt.NDArray[np.float32]:
        """Return the embeddings of the texts."""
        from dj_assets.models.text.embeddings import of_server, opened

        texts = batch.text.to_pylist()
        if not self.base_url:
            return opened(batch.models.find(self.embedding_model).path).embed(texts)
        try:
            return of_server(self.base_url, self.embedding_model, texts)
        except CallError as error:
            raise SampleError(f"the server of embeddings: {error}") from None

    def warm_up(self, batch: Batch) -> None:
        """Load the model; a server is not asked."""
        if not self.base_url:
            from dj_assets.models.text.embeddings import opened

            opened(batch.models.find(self.embedding_model).path)
