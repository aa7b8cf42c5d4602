"""Select among the samples that are alive at a step, by a query over all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dj_assets.operators.base import Selector
from dj_assets.recipe.plan import Step
from dj_assets.replay.population import Population


def unselected(step: Step, alive: np.ndarray, population: Population, threads: int = 1) -> np.ndarray:
    """Return the samples of `alive` (ascending indices of samples) that a selector does not select, ascending."""
    operator = selector(step)
    selection = operator.selection(len(alive)) if len(alive) > 1 else None
    if selection is None:
        return np.empty(0, np.int64)
    samples = pa.table(
        {
            "sample": pa.array(alive, pa.int64()),
            "shard": pa.array(population.positions.file_number(alive), pa.int32()),
            "row": pa.array(population.positions.row(alive), pa.int64()),
            "value": values_of(step, population.stats_files).take(pa.array(alive)),
        }
    )
    with duckdb.connect(config={"threads": threads}) as connection:
        connection.register("samples", samples)
        selected = connection.execute(selection.text, list(selection.parameters)).fetchnumpy()["sample"]
    return np.setdiff1d(alive, np.asarray(selected, np.int64), assume_unique=True)


def selector(step: Step) -> Selector:
    """Return the selector of a step.

    Raises
    ------
    TypeError
        If the operator of the step is no selector.
    """
    if not isinstance(step.operator, Selector):
        raise TypeError(f"{step.label} does not select samples")
    return step.operator


def values_of(step: Step, stats: Sequence[Path]) -> pa.ChunkedArray:
    """Return the value of every sample of the files of statistics; null for a selector without a statistic.

    A number is a double, a list of numbers its mean. A missing value, NaN or an empty list is minus infinity. Texts
    stay as they are.
    """
    column = next(iter(step.columns.values()), None)
    return pa.chunked_array(_chunks(stats, column), type=None if stats else pa.float64())


def _chunks(stats: Sequence[Path], column: str | None) -> Iterator[pa.Array]:
    for path in stats:
        if column is None:
            yield pa.nulls(pq.read_metadata(path).num_rows, pa.float64())
        else:
            yield comparable(pq.read_table(path, columns=[column])[column].combine_chunks())


def comparable(values: pa.Array) -> pa.Array:
    """Return values as they are compared: doubles, or texts.

    Examples
    --------
    >>> comparable(pa.array([[1, 2], [], None])).to_pylist()
    [1.5, -inf, -inf]
    >>> comparable(pa.array([3, None])).to_pylist()
    [3.0, -inf]
    >>> comparable(pa.array(["en", None])).to_pylist()
    ['en', None]
    """
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks)
    if pa.types.is_list(values.type):
        numbers = values.flatten().cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)
        parents = values.value_parent_indices().to_numpy()
        sums = np.bincount(parents, weights=numbers, minlength=len(values))
        counts = np.bincount(parents, minlength=len(values))
        with np.errstate(invalid="ignore"):
            values = pa.array(np.where(counts > 0, sums / np.maximum(counts, 1), -np.inf))
    elif pa.types.is_string(values.type):
        return values
    values = values.cast(pa.float64()).fill_null(-np.inf)
    return pc.if_else(pc.is_nan(values), -np.inf, values)
