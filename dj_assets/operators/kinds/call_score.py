"""Define the base class of filters by a score that a call of a model gives each sample."""

from __future__ import annotations

from dj_assets.operators.base import BoundedFilter, Filter
from dj_assets.operators.kinds.language_model import LanguageModelOperator


class CallScoreFilter(LanguageModelOperator, BoundedFilter):
    """Filter by a score between two bounds; a subclass has the parameter `keep_failed` for calls that failed."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls.judging = Filter.judging | LanguageModelOperator.judging | set(cls.bounds) | {"keep_failed"}

    @property
    def costly(self) -> bool:
        """Return true: each sample is a call."""
        return True
