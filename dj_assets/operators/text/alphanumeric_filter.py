"""Filter texts by their share of letters and digits."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import ClassVar, cast

import pyarrow as pa

from dj_assets.operators.base import RangeFilter, Statistic, StatisticsByParameters
from dj_assets.operators.batch import Batch
from dj_assets.operators.registry import register
from dj_assets.operators.views.text_views import PYTHIA, characters, ratio, tokens

ALNUM_RATIO = Statistic("alnum_ratio", pa.float64(), "share of characters")
ALPHA_TOKEN_RATIO = Statistic("alpha_token_ratio", pa.float64(), "letters per token")


@register("alphanumeric_filter")
class AlphanumericFilter(RangeFilter):
    """Keep texts with enough letters and digits.

    The statistic is the share of alphanumeric characters. With `tokenization`, it is the number of letters for each
    token of the Pythia tokenizer, mostly 1.5 to 4. An empty text has 0.0.
    """

    statistics: ClassVar[tuple[Statistic, ...]] = cast(
        "tuple[Statistic, ...]",
        StatisticsByParameters(lambda operator: (ALPHA_TOKEN_RATIO if operator.tokenization else ALNUM_RATIO,)),
    )

    tokenization: bool = False
    min_ratio: float = 0.25
    max_ratio: float = sys.maxsize

    def models(self) -> tuple[str, ...]:
        """Return the tokenizer if letters are counted per token."""
        return (PYTHIA,) if self.tokenization else ()

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the share of alphanumeric characters, or the letters per token, of every text."""
        counts = characters(batch)
        if self.tokenization:
            return {ALPHA_TOKEN_RATIO.key: ratio(counts.alphas, tokens(batch, PYTHIA))}
        return {ALNUM_RATIO.key: ratio(counts.alnums, counts.length)}
