from __future__ import annotations

import math
from pathlib import Path

import pyarrow as pa
import pytest

from dj_assets.analysis import statistics
from dj_assets.analysis.statistics import statistics_summary
from dj_assets.recipe.plan import Plan
from dj_assets.subset import RunResult
from tests.published import ListMeasures, NameMeasures, build, measuring


def test_every_statistic_has_its_numbers(small: tuple[Plan, RunResult]) -> None:
    plan, result = small
    length, alnum = statistics_summary(result.database, plan)
    assert (length["statistic"], length["unit"], length["samples"]) == ("text_len", "characters", 99)
    assert (length["min"], length["fails"]) == (1.0, pytest.approx(25 / 99))
    assert alnum["statistic"] == "alnum_ratio"
    # alone, it fails the ten of signs only: every short text is all letters
    assert alnum["fails"] == pytest.approx(10 / 99)


def test_percentiles_are_over_finite_numbers_and_not_a_number_fails(tmp_path: Path) -> None:
    values = [float(n) for n in range(101)] + [math.nan, math.inf, None]
    plan, database = build(tmp_path, [measuring("x", pa.float64(), 10, 90)], {"x": pa.array(values, pa.float64())})
    (row,) = statistics_summary(database, plan)
    assert [row[name] for name in ("min", "1 %", "median", "99 %", "max", "mean")] == [0, 1, 50, 99, 100, 50]
    # null was never measured; 0 to 9, 91 to 100, NaN and infinity fail
    assert (row["samples"], row["fails"]) == (103, pytest.approx(22 / 103))


def test_an_empty_column_and_a_text_column_have_no_numbers(tmp_path: Path) -> None:
    columns = {"x": pa.nulls(3, pa.float64()), "name": pa.array(["a", "b", "c"])}
    plan, database = build(tmp_path, [measuring("x", pa.float64(), 1), NameMeasures()], columns)
    empty, names = statistics_summary(database, plan)
    assert (empty["samples"], empty["fails"], empty["median"]) == (0, None, None)
    assert (names["samples"], names["fails"], names["min"]) == (3, pytest.approx(1 / 3), None)


def test_a_list_counts_every_value_but_fails_by_the_sample(tmp_path: Path) -> None:
    kind = pa.list_(pa.float64())
    plan, database = build(tmp_path, [ListMeasures()], {"sizes": pa.array([[1, 2, 9], [], [4]], kind)})
    (row,) = statistics_summary(database, plan)
    assert (row["samples"], row["min"], row["max"], row["mean"]) == (2, 1, 9, 4)
    assert row["fails"] == 0.5


def test_many_samples_are_summed_up_by_a_fixed_selection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "_QUANTILE_SAMPLES", 1000)
    column = pa.array([float(n) for n in range(20_000)])
    plan, database = build(tmp_path, [measuring("x", pa.float64())], {"x": column})
    first, again = statistics_summary(database, plan), statistics_summary(database, plan)
    assert first == again
    assert first[0]["median"] == pytest.approx(10_000, rel=0.1)
    assert (first[0]["samples"], first[0]["max"]) == (20_000, 19_999)


def test_a_recipe_without_filters_has_no_statistics(tmp_path: Path) -> None:
    plan, database = build(tmp_path, [], {"unused": pa.array([1.0])})
    assert statistics_summary(database, plan) == []
