from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from dj_assets.analysis.columns import stat_columns
from dj_assets.analysis.histograms import Scale, choose_scale, count_bins, count_names
from dj_assets.analysis.statistics import Summary
from dj_assets.operators.conditions import Range
from dj_assets.publish.database import reading
from tests.published import ListMeasures, NameMeasures, build, measuring


def summary(low: float, middle: float, high: float, ends: tuple[float, float] | None = None) -> Summary:
    least, most = ends or (low, high)
    return Summary(100, 100, 100, 0, least, low, middle, high, most, middle)


def test_the_axis_holds_the_thresholds_and_its_bins_begin_there() -> None:
    scale = choose_scale(summary(0.6, 0.75, 0.85), Range("x", 0.65, 0.9), whole=False)
    assert scale is not None
    assert not scale.log
    assert scale.low < 0.6
    assert scale.high > 0.9
    for limit in (0.65, 0.9):
        at = scale.position(limit) * scale.bins
        assert at == pytest.approx(round(at), abs=1e-6)


def test_skewed_positive_values_get_a_logarithmic_axis() -> None:
    scale = choose_scale(summary(50, 300, 8000), Range("x", 20, 10_000), whole=True)
    assert scale is not None
    assert scale.log
    assert scale.low < 20
    assert scale.high > 10_000


def test_shares_stay_linear_however_skewed() -> None:
    scale = choose_scale(summary(0.0001, 0.001, 0.9), None, whole=False)
    assert scale is not None
    assert not scale.log


def test_a_few_whole_numbers_have_a_bin_each() -> None:
    assert choose_scale(summary(1, 2, 5), Range("x", 1, 6), whole=True) == Scale(0.5, 6.5, 6)


def test_bins_of_many_whole_numbers_hold_equally_many() -> None:
    scale = choose_scale(summary(0, 60, 101), None, whole=True)
    assert scale is not None
    width = (scale.high - scale.low) / scale.bins
    assert width == round(width)


@pytest.mark.parametrize("value", [0.0, 0.5, 7.0, -3.0, 1e9])
def test_a_constant_lies_within_its_axis(value: float) -> None:
    scale = choose_scale(summary(value, value, value), None, whole=False)
    assert scale is not None
    assert scale.low <= value < scale.high
    assert 0 <= scale.position(value) < 1


def test_without_values_there_is_no_axis() -> None:
    assert choose_scale(Summary(0, 0, 0, 0, None, None, None, None, None, None), None, whole=False) is None


def test_every_sample_is_counted_once_under_its_fate(tmp_path: Path) -> None:
    columns = {"x": pa.array([1.0, 2.0, 2.0, 3.0, 4.0, 1000.0, float("nan"), None])}
    plan, database = build(tmp_path, [measuring("x", pa.float64(), 2)], columns, gone=[0, 3, 6, 7])
    with reading(database) as connection:
        (histogram,) = count_bins(connection, stat_columns(plan), [Scale(0, 5, 5)])
    # 1000 lies beyond the end, in the last bin; 3 passes but was dropped elsewhere; NaN and null have no place
    assert histogram.counts == {"kept": [0, 0, 2, 0, 2], "elsewhere": [0, 0, 0, 1, 0], "fails": [0, 1, 0, 0, 0]}
    assert histogram.tallest == 2


def test_a_value_at_a_threshold_is_in_the_bin_that_begins_there(tmp_path: Path) -> None:
    values = [float(n) for n in range(1, 20_001, 7)] + [100.0] * 500
    plan, database = build(tmp_path, [measuring("x", pa.float64(), 100)], {"x": pa.array(values)})
    (column,) = stat_columns(plan)
    scale = choose_scale(summary(1, 300, 20_000), column.bounds, whole=False)
    assert scale is not None
    assert scale.log
    with reading(database) as connection:
        (histogram,) = count_bins(connection, [column], [scale])
    mixed = [n for n in range(scale.bins) if histogram.counts["kept"][n] and histogram.counts["fails"][n]]
    assert mixed == []


def test_every_value_of_a_list_is_counted(tmp_path: Path) -> None:
    kind = pa.list_(pa.float64())
    plan, database = build(tmp_path, [ListMeasures()], {"sizes": pa.array([[1, 2, 9], [], None, [4]], kind)})
    with reading(database) as connection:
        (histogram,) = count_bins(connection, stat_columns(plan), [Scale(0, 10, 2)])
    assert histogram.counts == {"kept": [1, 0], "elsewhere": [0, 0], "fails": [2, 1]}


def test_names_are_counted_most_frequent_first(tmp_path: Path) -> None:
    columns = {"name": pa.array(["b", "a", "b", "c", "d", "a", None])}
    plan, database = build(tmp_path, [NameMeasures()], columns, gone=[1, 3, 4])
    with reading(database) as connection:
        found = count_names(connection, stat_columns(plan)[0], 3)
    assert found.others == 1
    assert found.rows == (
        ("a", {"kept": 1, "elsewhere": 1, "fails": 0}),
        ("b", {"kept": 2, "elsewhere": 0, "fails": 0}),
        ("c", {"kept": 0, "elsewhere": 0, "fails": 1}),
    )


def test_a_range_that_is_too_large_for_a_float_has_no_axis() -> None:
    assert choose_scale(summary(-1e308, 1.0, 1e308), Range("x", 0, 10), whole=False) is None
    assert choose_scale(summary(0.0, 1.0, 1e300), Range("x", 0, 10), whole=False) is not None
