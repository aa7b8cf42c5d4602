"""Filter texts by the rules of C4."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.prose_filter import ProseFilter
from dj_assets.operators.kinds.ranges_filter import Bounds
from dj_assets.operators.registry import register
from dj_assets.operators.text.c4_lines_mapper import CURLY_BRACKET, LOREM_IPSUM
from dj_assets.operators.views.prose_units import sentence_count


@register("c4_quality_filter")
class C4QualityFilter(ProseFilter):
    """Keep texts within the rules of the C4 corpus (Raffel et al. 2020), after `c4_lines_mapper`.

    The number of sentences, counted line by line; of curly brackets `{`; and of "lorem ipsum" in any case. C4 also
    dropped texts with words of a list (`flagged_words_filter`), and repeated sentences
    (`document_sentence_deduplicator`).

    The rules and defaults are those of datatrove's filter; with `tokenization: spacy` sentences are the same, too.
    """

    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("c4_sentences", pa.int64(), "sentences"),
        Statistic("c4_curly_brackets", pa.int64(), "characters"),
        Statistic("c4_lorem_ipsum", pa.int64(), "occurrences"),
    )
    bounds: ClassVar[tuple[Bounds, ...]] = (
        Bounds("c4_sentences", low="min_sentences"),
        Bounds("c4_curly_brackets", high="max_curly_brackets"),
        Bounds("c4_lorem_ipsum", high="max_lorem_ipsum"),
    )

    min_sentences: int = 5
    max_curly_brackets: int = 0
    max_lorem_ipsum: int = 0

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the three counts of every text."""
        texts = batch.text.to_pylist()
        sentences = [
            sum(sentence_count(line, self.tokenization, self.lang) for line in text.split("\n") if line)
            for text in texts
        ]
        return {
            "c4_sentences": pa.array(sentences, pa.int64()),
            "c4_curly_brackets": pc.count_substring(batch.text, CURLY_BRACKET).cast(pa.int64()),
            "c4_lorem_ipsum": pc.count_substring(batch.text, LOREM_IPSUM, ignore_case=True).cast(pa.int64()),
        }
