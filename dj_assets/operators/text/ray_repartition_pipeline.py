"""Arrange samples in blocks of Ray, which changes nothing here."""

from __future__ import annotations

from pydantic import PositiveInt

from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.registry import register


@register("ray_repartition_pipeline")
class RayRepartitionPipeline(Mapper):
    """Change nothing: results depend neither on blocks nor on their number, with Ray and without.

    In Data-Juicer, the samples are put into `num_blocks` blocks, and mixed by `shuffle`. Here they keep their order.
    """

    num_blocks: PositiveInt = 1
    shuffle: bool = False

    def apply(self, batch: Batch) -> Batch:
        """Return the batch as it is."""
        return batch
