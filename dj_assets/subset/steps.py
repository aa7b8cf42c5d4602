"""The three steps of a subset: measure, deduplicate, refine."""

from __future__ import annotations

from functools import cached_property

from dj_assets.measure.progress import Report, silent
from dj_assets.subset import deduplicating, measuring, refining
from dj_assets.subset.context import SubsetContext
from dj_assets.subset.results import DeduplicateResult, MeasureResult, RefineResult, RunResult


class Subset(SubsetContext):
    """A subset with its steps. Steps pass no data, only files: any may be run again alone.

    The seconds of the steps that were run through this object are kept for the manifest of the run.
    """

    @cached_property
    def _seconds(self) -> dict[str, float]:
        return {}

    def run(self, report: Report = silent) -> RunResult:
        """Measure, deduplicate and refine."""
        self.measure(report)
        self.deduplicate()
        return self.refine()

    def measure(self, report: Report = silent, shard: str | None = None) -> MeasureResult:
        """Measure what is not up to date: one pass over its samples, one more where the corpus is counted first.

        With the name of a shard, of that shard alone; runs of different shards do not disturb each other.
        """
        if shard is None:
            result = measuring.measure_subset(self, report)
        else:
            result = measuring.measure_shard(self, shard, report)
        self._seconds["measure"] = result.seconds
        return result

    def deduplicate(self) -> DeduplicateResult:
        """Find the near pairs of every deduplicator, over all shards, and replay the recipe over them.

        Of a sharded subset, the measured shards take part. If a shard was only removed, no refined file needs to be
        written again, and the version without it is published.

        Raises
        ------
        ConservationError
            If samples in are not kept + dropped + quarantined.
        """
        result = deduplicating.deduplicate(self)
        self._seconds["deduplicate"] = result.seconds
        if self.is_sharded:
            refining.publish_when_whole(self, self._seconds)
        return result

    def refine(self) -> RunResult:
        """Publish the kept samples, the funnel, the outcomes and the statistics; what is up to date is not written."""
        return refining.refine(self, self._seconds)

    def refine_shard(self, shard: str) -> RefineResult:
        """Write the kept samples of one shard; the last one that was missing publishes all of them together."""
        return refining.refine_shard(self, shard, self._seconds)
