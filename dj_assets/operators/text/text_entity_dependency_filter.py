"""Filter texts by the dependencies of their nouns and pronouns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

import pyarrow as pa

from dj_assets.operators.base import Filter, Limit, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import EachInRange, Range
from dj_assets.operators.kinds.parsed_words import ParsedFilter
from dj_assets.operators.registry import register

if TYPE_CHECKING:
    from spacy.tokens import Doc


@register("text_entity_dependency_filter")
class TextEntityDependencyFilter(ParsedFilter):
    """Keep texts in which all nouns and pronouns, or any of them, depend on enough other words.

    The statistic is the number of edges of each noun or pronoun in spaCy's dependency tree, in the order of the text:
    the edge to its head, and the edges from words that are not punctuation. A text without nouns and pronouns has an
    empty list and is not kept.
    """

    judging: ClassVar[frozenset[str]] = Filter.judging | {"min_dependency_num", "any_or_all"}
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("num_dependency_edges", pa.list_(pa.int64()), "edges of each noun"),
    )
    parts_of_speech: ClassVar[frozenset[str]] = frozenset({"NOUN", "PROPN", "PRON"})
    tags: ClassVar[frozenset[str]] = frozenset("NN NR PN NNS NNP NNPS PRP".split())

    min_dependency_num: Limit = 1
    any_or_all: Literal["any", "all"] = "all"

    @property
    def condition(self) -> EachInRange:
        """Return the condition that all or any of the counts are at least `min_dependency_num`."""
        bounds = Range(
            key="num_dependency_edges",
            low=self.min_dependency_num,
            low_name="min_dependency_num",
            low_closed=self.min_closed_interval,
            high_closed=self.max_closed_interval,
            reversed=self.reversed_range,
        )
        return EachInRange(bounds, self.any_or_all)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the number of edges of every noun and pronoun of every text."""
        counts = [self._edges(document) for document in self.parsed(batch)]
        return {"num_dependency_edges": pa.array(counts, pa.list_(pa.int64()))}

    def _edges(self, document: Doc) -> list[int]:
        dependents = Counter(word.head.i for word in document if word.pos_ != "PUNCT" and word.dep_ != "ROOT")
        return [dependents[word.i] + (word.dep_ != "ROOT") for word in self.chosen(document)]
