"""The asset keys of a subset: stage and subset are in the last part, since the graph shows only this part."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg

from dj_assets.recipe.model import GalleryRecipe


@dataclass(frozen=True)
class SubsetKeys:
    """The keys of one subset: `<group>/<subset>` is the refined subset; the stages before it have a suffix.

    The parts of `prefix` come before the group.
    """

    group: str
    subset: str
    prefix: tuple[str, ...] = ()

    @classmethod
    def of(cls, recipe: GalleryRecipe) -> SubsetKeys:
        """Return the keys of a gallery recipe."""
        block = recipe.asset
        return cls(block.group, block.subset, block.key_prefix)

    def origin(self, name: str) -> dg.AssetKey:
        """Return the key of one of several raw sources, which subsets of the group may share."""
        return dg.AssetKey([*self.prefix, self.group, name])

    def tool(self, kind: str, name: str) -> dg.AssetKey:
        """Return the key of a model or word list, which the subsets of all groups share."""
        return dg.AssetKey([*self.prefix, kind, name])

    @property
    def reference(self) -> dg.AssetKey:
        """Return the key of the files that the subset is deduplicated against."""
        return self._stage("_reference")

    @property
    def evaluations(self) -> dg.AssetKey:
        """Return the key of the benchmark results of the subset."""
        return self._stage("_evaluation_records")

    @property
    def source(self) -> dg.AssetKey:
        """Return the key of the raw files."""
        return self._stage("_source")

    @property
    def stats(self) -> dg.AssetKey:
        """Return the key of the statistics of every sample."""
        return self._stage("_stats")

    @property
    def generations(self) -> dg.AssetKey:
        """Return the key of the calls of models that write or paint."""
        return self._stage("_generations")

    @property
    def duplicates(self) -> dg.AssetKey:
        """Return the key of the clusters of duplicates."""
        return self._stage("_duplicates")

    @property
    def refined(self) -> dg.AssetKey:
        """Return the key of the refined subset."""
        return self._stage("")

    @property
    def export(self) -> dg.AssetKey:
        """Return the key of the refined subset in its export format."""
        return self._stage("_export")

    def sandbox(self, part: str) -> dg.AssetKey:
        """Return the key of a part of the subset's sandbox: pools, evaluations, ranking, combined, recipe."""
        return self._stage(f"_{part}")

    def _stage(self, suffix: str) -> dg.AssetKey:
        return dg.AssetKey([*self.prefix, self.group, self.subset + suffix])


def shard_partitions(keys: SubsetKeys) -> dg.DynamicPartitionsDefinition:
    """Return the partitions of a sharded subset: one for each shard, registered once the source has it."""
    return dg.DynamicPartitionsDefinition(name=f"{keys.subset}_shards")
