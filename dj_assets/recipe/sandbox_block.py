"""The block `sandbox:` of an asset block: how pools of the subset are tried."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class SandboxBlock(BaseModel):
    """What makes a subset a sandbox: which pools are made of it, and what trains on them.

    Attributes
    ----------
    hook
        The hook file, relative to the project, with the commands that train and evaluate.
    statistics
        The columns of `stats` to probe; all numeric ones by default.
    of
        Pools of all measured samples, or only of those that the recipe keeps.
    seed
        Decides which samples are drawn.
    size
        Samples a pool at most; by default as many as the smallest pool of its round has.
    combine
        How many statistics are combined at most: n of them give 2^n - 1 pools.
    max_correlation
        A statistic whose correlation with one that is chosen already is stronger is not combined with it.
    smallest
        Intersections with fewer samples are not trained on.
    amounts
        How often the samples that meet all thirds are repeated, each beside a pool of as many different samples.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hook: str = Field(min_length=1)
    statistics: tuple[str, ...] = ()
    of: Literal["measured", "kept"] = "measured"
    seed: int = 0
    size: int | None = Field(None, ge=1)
    combine: int = Field(3, ge=1, le=6)
    max_correlation: float = Field(1.0, gt=0, le=1)
    smallest: int = Field(10, ge=1)
    amounts: tuple[int, ...] = ()
