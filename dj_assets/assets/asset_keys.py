"""The asset keys of a subset: what and which stand in the last part, the only one the graph shows."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg

from dj_assets.recipe.model import GalleryRecipe


@dataclass(frozen=True)
class SubsetKeys:
    """`<group>/<subset>` is the refined subset; the stages before it carry a suffix."""

    group: str
    subset: str

    @classmethod
    def of(cls, recipe: GalleryRecipe) -> SubsetKeys:
        """Return the keys of a gallery recipe."""
        block = recipe.asset
        return cls(block.group, block.subset)

    def origin(self, name: str) -> dg.AssetKey:
        """One of several raw sources, which subsets of the group may share."""
        return dg.AssetKey([self.group, name])

    @property
    def source(self) -> dg.AssetKey:
        """The raw files."""
        return self._stage("_source")

    @property
    def stats(self) -> dg.AssetKey:
        """The statistics of every sample."""
        return self._stage("_stats")

    @property
    def duplicates(self) -> dg.AssetKey:
        """The clusters of duplicates."""
        return self._stage("_duplicates")

    @property
    def refined(self) -> dg.AssetKey:
        """The refined subset itself."""
        return self._stage("")

    @property
    def export(self) -> dg.AssetKey:
        """The refined subset in the format that others take."""
        return self._stage("_export")

    def sandbox(self, part: str) -> dg.AssetKey:
        """A part of the subset's sandbox: pools, evaluations, ranking, combined, recipe."""
        return self._stage(f"_{part}")

    def _stage(self, suffix: str) -> dg.AssetKey:
        return dg.AssetKey([self.group, self.subset + suffix])


def shard_partitions(keys: SubsetKeys) -> dg.DynamicPartitionsDefinition:
    """Return the partitions of a sharded subset: one a shard, known once it was seen in the source."""
    return dg.DynamicPartitionsDefinition(name=f"{keys.subset}_shards")
