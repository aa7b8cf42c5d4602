"""Filter texts by their number of verbs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.base import Filter, Limit, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import Range
from dj_assets.operators.kinds.parsed_words import ParsedFilter
from dj_assets.operators.registry import register


@register("text_action_filter")
class TextActionFilter(ParsedFilter):
    """Keep texts with enough verbs, as tagged by spaCy. Auxiliaries do not count. An empty text has 0."""

    judging: ClassVar[frozenset[str]] = Filter.judging | {"min_action_num"}
    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("num_action", pa.int64(), "verbs"),)
    parts_of_speech: ClassVar[frozenset[str]] = frozenset({"VERB"})
    tags: ClassVar[frozenset[str]] = frozenset("VV VB VBP VBZ VBD VBG VBN".split())

    min_action_num: Limit = 1

    @property
    def condition(self) -> Range:
        """Return the condition that the number of verbs is at least `min_action_num`."""
        return Range(
            key="num_action",
            low=self.min_action_num,
            low_name="min_action_num",
            low_closed=self.min_closed_interval,
            high_closed=self.max_closed_interval,
            reversed=self.reversed_range,
        )

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the number of verbs of every text."""
        return {"num_action": pa.array([len(self.chosen(document)) for document in self.parsed(batch)], pa.int64())}
