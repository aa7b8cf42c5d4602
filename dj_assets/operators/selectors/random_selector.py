"""Select samples at random, by a seed that is a parameter."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, PositiveInt

from dj_assets.operators.base import Selector
from dj_assets.operators.kinds.field_selector import limits, share
from dj_assets.operators.registry import register
from dj_assets.operators.sql import Sql


@register("random_selector")
class RandomSelector(Selector):
    """Keep `select_num` samples, or the share `select_ratio` of the samples that are left, rounded down.

    If both are given, the smaller number is kept. The samples are the first ones in the order of a hash (MD5) of
    `seed`, file number and row: another seed selects others, and the same seed the same ones in every run.
    """

    judging: ClassVar[frozenset[str]] = frozenset({"select_ratio", "select_num", "seed", "field_key"})

    select_ratio: Annotated[float, Field(ge=0, le=1)] | None = None
    select_num: PositiveInt | None = None
    seed: int = 42

    def selection(self, samples: int) -> Sql | None:
        """Return the query of the first samples in the order of their hashes; None if no number is given."""
        number = share(self.select_ratio, self.select_num, samples)
        if number is None:
            return None
        order = Sql("md5_number_lower(concat_ws(' ', ?, shard, row)), sample", (self.seed,))
        return Sql.of("SELECT sample FROM samples ORDER BY {order} LIMIT {number}", order=order, number=number)

    @property
    def reason(self) -> str:
        """Return how many samples are kept."""
        kept = limits(self.select_ratio, self.select_num, "samples")
        return f"not among the {kept} that the seed {self.seed} selects"
