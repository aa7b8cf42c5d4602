"""Operators of recipes: one class and one short file each. Authors import everything they need from here.

>>> from dj_assets.operators import Batch, Mapper, register
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dj_assets.errors import ContractError, SampleError
    from dj_assets.operators.base import (
        Aggregator,
        BoundedFilter,
        ByParameters,
        CorpusMapper,
        Deduplicator,
        Expander,
        FieldMapper,
        Filter,
        Grouper,
        Mapper,
        Operator,
        RangeFilter,
        RecordMapper,
        Selector,
        Statistic,
    )
    from dj_assets.operators.batch import Batch
    from dj_assets.operators.conditions import Condition, OneOf, Range
    from dj_assets.operators.registry import register
    from dj_assets.operators.sql import Sql

__all__ = [
    "Aggregator",
    "Batch",
    "BoundedFilter",
    "ByParameters",
    "Condition",
    "ContractError",
    "CorpusMapper",
    "Deduplicator",
    "Expander",
    "FieldMapper",
    "Filter",
    "Grouper",
    "Mapper",
    "OneOf",
    "Operator",
    "Range",
    "RangeFilter",
    "RecordMapper",
    "SampleError",
    "Selector",
    "Sql",
    "Statistic",
    "register",
]

_MODULES = {
    "Batch": "dj_assets.operators.batch",
    "Condition": "dj_assets.operators.conditions",
    "ContractError": "dj_assets.errors",
    "OneOf": "dj_assets.operators.conditions",
    "Range": "dj_assets.operators.conditions",
    "SampleError": "dj_assets.errors",
    "Sql": "dj_assets.operators.sql",
    "register": "dj_assets.operators.registry",
}


def __getattr__(name: str) -> object:
    """Load a public name at first use, so that `import dj_assets.operators` stays quick."""
    if name not in __all__:
        raise AttributeError(f"module 'dj_assets.operators' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES.get(name, "dj_assets.operators.base")), name)
