"""The lineage of samples that operators made from others, and the place of these samples among all of a batch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from dj_assets.home.identity import CREATED_AT, FROM_SOURCE, PARENT_DISTANCE, PARENT_ROW


@dataclass(frozen=True)
class Lineage:
    """Hold where measured samples come from, as arrays of equal length; children follow their parent.

    `origin` is the index of the record in the batch that was measured. `created_at` is the index of the step that made
    the sample, `FROM_SOURCE` for a record itself; `parent` is the index of its parent among the samples, its own for a
    record.
    """

    origin: np.ndarray
    created_at: np.ndarray
    parent: np.ndarray

    @classmethod
    def of_source(cls, size: int) -> Lineage:
        """Return the lineage of records."""
        return cls(np.arange(size), np.full(size, FROM_SOURCE, np.int16), np.arange(size))

    @property
    def part(self) -> np.ndarray:
        """Return the number of each sample among those of its record, 0 for the record itself."""
        first = np.searchsorted(self.origin, self.origin, "left")
        return np.arange(len(self.origin)) - first

    def in_stats(self, row: pa.Array) -> dict[str, pa.Array]:
        """Return the columns of the statistics, given the rows of all samples."""
        first = self.parent == np.arange(len(self.parent))
        return {
            PARENT_ROW: row.take(pa.array(self.parent, mask=first)),
            CREATED_AT: pa.array(self.created_at, pa.int16(), mask=self.created_at == FROM_SOURCE),
        }

    def in_signatures(self) -> dict[str, pa.Array]:
        """Return the column of the signatures."""
        return {PARENT_DISTANCE: pa.array(np.arange(len(self.parent)) - self.parent, pa.int32())}

    def beginning_at(self, step: int) -> Lineage:
        """Return the same lineage of samples that a step made, in place of records."""
        return replace(
            self, created_at=np.where(self.created_at == FROM_SOURCE, step, self.created_at).astype(np.int16)
        )

    @classmethod
    def joined(cls, several: list[Lineage], records: list[int]) -> Lineage:
        """Return the lineage of batches after one another; `records` are the numbers of their records."""
        samples = np.cumsum([0, *(len(one.origin) for one in several)])
        starts = np.cumsum([0, *records])
        return cls(
            np.concatenate([one.origin + start for one, start in zip(several, starts, strict=False)]),
            np.concatenate([one.created_at for one in several]),
            np.concatenate([one.parent + start for one, start in zip(several, samples, strict=False)]),
        )


@dataclass(frozen=True)
class Expansion:
    """Hold how the samples after an expander fit between those before it.

    `order` sorts all samples, the ones before first, then those after, into their final order. `before` and `after` are
    the indices of every final sample among the samples before and after the expander, -1 where it is not there.
    """

    order: np.ndarray
    before: np.ndarray
    after: np.ndarray
    lineage: Lineage

    @classmethod
    def of(cls, size: int, step: int, owner: np.ndarray, itself: np.ndarray, behind: Lineage) -> Expansion:
        """Return the expansion of `size` samples at a step.

        Parameters
        ----------
        owner, itself
            For every sample that the steps behind the expander began with: the index of its parent before, and whether
            it is that sample itself, which stays next to its children.
        behind
            The lineage of the samples that the steps behind returned, over those that they began with.
        """
        owners = owner[behind.origin]
        same = itself[behind.origin] & (behind.created_at == FROM_SOURCE)
        added = np.flatnonzero(~same)
        all_owners = np.concatenate((np.arange(size), owners[added]))
        order = np.argsort(all_owners, kind="stable")
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        place_behind = np.empty(len(owners), np.int64)
        place_behind[added] = place[size:]
        place_behind[same] = place[owners[same]]
        before = np.where(order < size, order, -1)
        after = np.full(len(order), -1, np.int64)
        after[place_behind] = np.arange(len(owners))
        created_at = np.full(len(order), FROM_SOURCE, np.int16)
        parent = np.arange(len(order))
        own = behind.created_at == FROM_SOURCE
        created_at[place_behind] = np.where(own, step, behind.created_at)
        parent[place_behind] = np.where(own, place[owners], place_behind[behind.parent])
        kept = place_behind[same]
        created_at[kept], parent[kept] = FROM_SOURCE, kept
        return cls(order, before, after, Lineage(all_owners[order], created_at, parent))

    def merged(self, before: pa.Array | None, after: pa.Array | None) -> pa.Array:
        """Return the values of all samples: those after the expander where there are any, else those before, or null.

        A column that only one side measures is None on the other.
        """
        if before is not None and after is not None:
            index = np.where(self.after >= 0, self.after + len(before), self.before)
            return pa.concat_arrays([before, after]).take(pa.array(index))
        for values, index in ((before, self.before), (after, self.after)):
            if values is not None:
                return values.take(pa.array(index, mask=index < 0))
        raise ValueError("neither side measures the column")
