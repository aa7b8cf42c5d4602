"""Filter texts by their number of tokens."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.base import Limit, RangeFilter, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.registry import register
from dj_assets.operators.views.text_views import PYTHIA, tokens


@register("token_num_filter")
class TokenNumFilter(RangeFilter):
    """Keep texts whose number of tokens is between two bounds. An empty text has 0.

    `hf_tokenizer` names a Hugging Face tokenizer, by default that of Pythia (GPT-NeoX-20B). No special tokens are
    added.
    """

    bounds = ("min_num", "max_num")
    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("num_token", pa.int64(), "tokens"),)

    hf_tokenizer: str = PYTHIA
    min_num: Limit = 10
    max_num: Limit = sys.maxsize

    def models(self) -> tuple[str, ...]:
        """Return the tokenizer."""
        return (self.hf_tokenizer,)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the number of tokens of every text."""
        return {"num_token": pa.array(tokens(batch, self.hf_tokenizer))}
