"""Find the samples that the filters measured so far keep, by their conditions over the statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from dj_assets.operators.base import Filter
from dj_assets.recipe.plan import Step


def passing(steps: Sequence[Step], statistics: Mapping[str, pa.Array]) -> np.ndarray:
    """Return which samples the filters of `steps` keep, by the same SQL as the replay; one bool per sample."""
    import duckdb

    tests = [step.operator.condition.keep(step.columns) for step in steps if isinstance(step.operator, Filter)]
    columns = [column for step in steps for column in step.columns.values()]
    table = pa.table({column: statistics[column] for column in columns})
    query = f"SELECT {' AND '.join(test.text for test in tests)} AS alive FROM measured"  # noqa: S608 - our own SQL
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("measured", table)
        rows = connection.execute(query, [value for test in tests for value in test.parameters]).fetchall()
    return np.array([row[0] is True for row in rows], bool)
