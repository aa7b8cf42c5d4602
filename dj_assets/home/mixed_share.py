"""The share of one subset in a mixture, as the manifest of the mix records it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class MixedShare(BaseModel):
    """Say what a mix has of one subset, from which of its runs.

    `available` are the samples of the run, `samples` those of the mix, `distinct` the different ones among them.
    `epochs` says how often the most frequent ones are there. `tokens` are those of all samples of the mix, None without
    a tokenizer.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    subset: str
    run_id: str
    result_key: str
    available: int
    samples: int
    distinct: int
    epochs: int
    tokens: int | None = None
