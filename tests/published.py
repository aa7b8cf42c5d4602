"""Small published subsets to report on: one run for real, one built from whatever columns a test needs."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

import dj_assets
from dj_assets.measure.work import REJECTS
from dj_assets.operators.base import Filter, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import Columns, Condition, OneOf, Range
from dj_assets.operators.sql import Sql, quoted
from dj_assets.publish.database import add_run, build_database, new_database
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.model import Recipe
from dj_assets.recipe.plan import Plan, make_plan
from dj_assets.subset import RunResult
from tests.manifests import manifest_of_test

RECIPE = {
    "project_name": "small",
    "process": [
        {"whitespace_normalization_mapper": None},
        {"text_length_filter": {"min_len": 30, "max_len": 400}},
        {"alphanumeric_filter": {"min_ratio": 0.6}},
        {"document_simhash_deduplicator": {"tokenization": "space", "window_size": 2}},
    ],
}


def texts() -> list[str | None]:
    """Return 60 good texts, 20 short, 5 long, 10 of signs, 4 duplicates of the first, one null."""
    good = [f"document {n} speaks of {n * 7919} apples and of {n * 104729} pears in the orchard" for n in range(60)]
    short = ["x" * n for n in range(1, 21)]
    long = [f"word{n} " * 100 for n in range(5)]
    signs = [f"{n} " + "#!? " * 20 for n in range(10)]
    return [*good, *short, *long, *signs, *[good[0]] * 4, None]


def run_small(folder: Path) -> tuple[Plan, RunResult]:
    """Run the small recipe for real, over one source with a broken line."""
    source = folder / "small.jsonl"
    lines = [json.dumps({"text": text, "id": f"s{n:03}"}) for n, text in enumerate(texts())]
    source.write_text("\n".join([*lines, '{"text": "broken']) + "\n")
    result = dj_assets.run_recipe(RECIPE, [source], folder / "out", workers=1)
    return make_plan(load_recipe(RECIPE)), result


class Measures(Filter):
    """A filter with any one statistic, never registered."""

    name: ClassVar[str] = "measures"
    low: float | None = None
    high: float | None = None

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Measure nothing: the tests bring the columns."""
        raise NotImplementedError

    @property
    def condition(self) -> Condition:
        """The range."""
        return Range(self.statistics[0].key, self.low, self.high)


def measuring(key: str, kind: pa.DataType, low: float | None = None, high: float | None = None) -> Filter:
    """Return a filter with one statistic of a type."""
    statistics = (Statistic(key, kind, "units"),)
    made = type(f"Measures_{key}", (Measures,), {"statistics": statistics, "__module__": __name__})
    return made(low=low, high=high)


class SumAtMost(Condition):
    """A condition over a list, of a kind this room has never heard of."""

    def __init__(self, key: str, most: float) -> None:
        self.key, self.most = key, most

    def keep(self, columns: Columns) -> Sql:
        """The sum."""
        return Sql(f"coalesce(list_sum({quoted(columns[self.key])}) <= ?, TRUE)", (self.most,))

    def reason(self, columns: Columns) -> Sql:
        """A sentence."""
        return Sql("?", ("too much",))

    def value(self, columns: Columns) -> Sql:
        """The sum."""
        return Sql(f"list_sum({quoted(columns[self.key])})")


class ListMeasures(Measures):
    """A filter over a list statistic."""

    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("sizes", pa.list_(pa.float64()), "pixels"),)

    @property
    def condition(self) -> Condition:
        """The sum of all values is at most 10."""
        return SumAtMost("sizes", 10)


class NameMeasures(Measures):
    """A filter over a text statistic: the names that it keeps are those given."""

    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("name", pa.string(), "kind"),)

    @property
    def condition(self) -> Condition:
        """One of two."""
        return OneOf("name", ("a", "b"))


def build(
    folder: Path, filters: Sequence[Filter], columns: Mapping[str, pa.Array], gone: Sequence[int] = ()
) -> tuple[Plan, Path]:
    """Build a database of columns of equal length; the rows `gone` were dropped by the first filter."""
    plan = make_plan(Recipe(file="<dict>", process=tuple(filters), project_name="built"))
    size = len(next(iter(columns.values())))
    rows = pa.array(range(size), pa.int64())
    shard = pa.array([0] * size, pa.int32())
    names = pa.array([f"s{n}" for n in range(size)], pa.string())
    pq.write_table(pa.table({"shard": shard, "row": rows, "id": names, **columns}), folder / "stats.parquet")
    pq.write_table(REJECTS.empty_table(), folder / "rejects.parquet")
    outcomes = pa.table(
        {
            "shard": pa.array([0] * len(gone), pa.int32()),
            "row": pa.array(gone, pa.int64()),
            "fate": pa.array([0] * len(gone), pa.int16()),
            "quarantined": pa.array([False] * len(gone), pa.bool_()),
            "kept_shard": pa.nulls(len(gone), pa.int32()),
            "kept_row": pa.nulls(len(gone), pa.int64()),
            "cluster_size": pa.array([0] * len(gone), pa.int32()),
        }
    )
    database = folder / "stats.duckdb"
    now = datetime.datetime.now(datetime.UTC).isoformat()
    manifest = manifest_of_test(run_id="r", finished=now, samples_in=size, samples_out=size - len(gone))
    files = {"stats": [folder / "stats.parquet"], "rejects": [folder / "rejects.parquet"]}
    with new_database(database) as connection:
        build_database(connection, plan, files, outcomes)
        add_run(connection, manifest)
    return plan, database
