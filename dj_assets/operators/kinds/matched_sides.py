"""Define the base class of filters by how well both sides of a pair match their words."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import pyarrow as pa

from dj_assets.models.text.pictures import Uint8s
from dj_assets.operators.base import Filter, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import All, Condition, Either, Range
from dj_assets.operators.kinds.image_pairs import SIDES, PairOperator, WithPreset, match_scores


class MatchedSidesFilter(WithPreset, PairOperator, Filter):
    """Keep boxes whose crops match words by BLIP: on both sides (`object_rule: and`), or on one of them (`or`).

    Two scores are measured for each side: the probability of the matching head (`itm`), and the cosine without it
    (`itc`). `score` says which is judged.
    """

    stem: ClassVar[str]
    judging: ClassVar[frozenset[str]] = Filter.judging | {"preset", "min_score", "max_score", "score", "object_rule"}
    packages: ClassVar[Mapping[str, str]] = {**PairOperator.packages, "safetensors": "vision"}

    hf_blip: str = "Salesforce/blip-itm-base-coco"
    min_score: float = 0.4
    max_score: float = 1.0
    score: Literal["itm", "itc"] = "itm"
    object_rule: Literal["and", "or"] = "and"

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - those of the base class
        super().__init_subclass__(**kwargs)
        units = {"itm": "probability", "itc": "cosine"}
        cls.statistics = tuple(
            Statistic(f"{cls.stem}_{score}_{side}", pa.float64(), units[score]) for score in units for side in SIDES
        )

    @property
    def costly(self) -> bool:
        """Return true: a model is asked."""
        return True

    def models(self) -> tuple[str, ...]:
        """Return the name of the BLIP model."""
        return (self.hf_blip,)

    @property
    def condition(self) -> Condition:
        """Return the range of the score on both sides, or on one."""
        sides = tuple(
            Range(f"{self.stem}_{self.score}_{side}", self.min_score, self.max_score, "min_score", "max_score")
            for side in SIDES
        )
        return All(sides) if self.object_rule == "and" else Either(sides)

    @abstractmethod
    def asked(self, batch: Batch, side: int) -> Sequence[tuple[Uint8s | None, Sequence[str]]]:
        """Return crop and texts of one side, 1 or 2, of every box."""

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return both scores of both sides."""
        path = batch.models.find(self.hf_blip).path if len(batch) else None
        found = {}
        for side in SIDES:
            scores = match_scores(path, self.asked(batch, side)) if path else []
            for index, score in enumerate(("itm", "itc")):
                found[f"{self.stem}_{score}_{side}"] = pa.array([pair[index] for pair in scores], pa.float64())
        return found
