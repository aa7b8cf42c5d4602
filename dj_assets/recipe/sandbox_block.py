"""Define the block `sandbox:` of an asset block: how pools of the subset are evaluated."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class SandboxBlock(BaseModel):
    """Make a subset a sandbox: select its pools, and the commands that train on them.

    Attributes
    ----------
    hook
        The hook file, relative to the project, with the commands that train and evaluate.
    statistics
        The columns of `stats` to probe; all numeric ones by default.
    of
        Make pools of all measured samples, or only of those that the recipe keeps.
    seed
        The seed for drawing samples.
    size
        The largest number of samples in a pool; by default the size of the smallest pool of its round.
    combine
        The largest number of statistics that are combined: n of them give 2^n - 1 pools.
    max_correlation
        A statistic with a higher correlation with an already chosen one is not combined with it.
    smallest
        The smallest number of samples: intersections with fewer are not trained on.
    amounts
        How often the samples that are in all thirds are repeated, each compared with a pool of equally many different
        samples.
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
