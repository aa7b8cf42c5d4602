from __future__ import annotations

import json
import math

import numpy as np
import pyarrow as pa
import pytest

from dj_assets.analysis.drift import drifts, stability_index
from dj_assets.home.run_manifest import Bins
from dj_assets.publish.bins import bins_of
from dj_assets.publish.database import reading
from tests.published import ListMeasures, NameMeasures, build, measuring


def stored(plan, database):
    """Return the histograms as a later run reads them from the manifest."""
    with reading(database) as connection:
        made = {column: bins.as_json() for column, bins in bins_of(connection, plan).items()}
    return {column: Bins.of_json(content) for column, content in json.loads(json.dumps(made)).items()}


def compared(tmp_path, operators, before, now):
    made = []
    for name, columns in (("before", before), ("now", now)):
        (tmp_path / name).mkdir(parents=True)
        made.append(build(tmp_path / name, operators, columns))
    return {drift.statistic: drift for drift in drifts(stored(*made[0]), made[1][1], made[0][0])}


def test_the_index_by_hand():
    # shares 0.5 / 0.5 against 0.8 / 0.2: 0.3 ln 1.6 + 0.3 ln 2.5
    assert stability_index([50_000, 50_000], [80_000, 20_000]) == pytest.approx(0.3 * math.log(4), rel=1e-3)
    assert stability_index([5, 0, 7], [5, 0, 7]) == 0
    assert stability_index([10, 0], [0, 10]) > 5
    assert math.isfinite(stability_index([10, 0], [0, 10]))


def test_numbers_that_moved_and_numbers_that_did_not(tmp_path):
    random = np.random.default_rng(1)
    operators = (measuring("moved", pa.float64()), measuring("stayed", pa.float64()))
    before = {"moved": pa.array(random.normal(0, 1, 5000)), "stayed": pa.array(random.normal(0, 1, 5000))}
    now = {"moved": pa.array(random.normal(0.7, 1, 3000)), "stayed": pa.array(random.normal(0, 1, 3000))}
    found = compared(tmp_path, operators, before, now)
    assert found["moved"].index > 0.2 > found["moved"].chance
    assert found["stayed"].index < found["stayed"].chance
    assert (found["moved"].before, found["moved"].now) == (5000, 3000)
    assert list(found) == ["moved", "stayed"], "the greatest first"


def test_chance_is_seldom_exceeded_by_samples_of_one_distribution(tmp_path):
    random = np.random.default_rng(2)
    names = [f"s{n}" for n in range(100)]
    operators = tuple(measuring(name, pa.float64()) for name in names)
    columns = [{name: pa.array(random.exponential(1, 80)) for name in names} for _ in range(2)]
    found = compared(tmp_path, operators, *columns).values()
    assert sum(drift.index > drift.chance for drift in found) <= 2
    assert any(drift.index > 0.2 for drift in found), "a fixed limit alone would warn of nothing"


@pytest.mark.parametrize("new", [-1, 1])
def test_a_constant_that_changes_is_seen_on_either_side(tmp_path, new):
    columns = [{"c": pa.array([value] * 300, pa.int64())} for value in (0, new)]
    assert compared(tmp_path, (measuring("c", pa.int64()),), *columns)["c"].index > 5


def test_what_is_no_number_counts_by_itself(tmp_path):
    values = [float(n) for n in range(300)]
    columns = [{"x": pa.array(values)}, {"x": pa.array([*values[:150], *[math.nan] * 150])}]
    assert compared(tmp_path, (measuring("x", pa.float64()),), *columns)["x"].index > 1


def test_lists_and_names(tmp_path):
    sizes = [{"sizes": pa.array([[float(n), n + scale] for n in range(200)])} for scale in (1.0, 500.0)]
    assert compared(tmp_path / "lists", (ListMeasures(),), *sizes)["sizes"].index > 0.2
    kinds = [{"name": pa.array(["a"] * a + ["b"] * b)} for a, b in ((150, 50), (50, 150))]
    assert compared(tmp_path / "names", (NameMeasures(),), *kinds)["name"].index > 0.2


def test_statistics_of_one_run_only_are_left_out(tmp_path):
    plan, database = build(tmp_path, (measuring("x", pa.float64()),), {"x": pa.array([1.0, 2.0])})
    assert drifts({"gone": Bins(counts=(1, 2, 0), edges=(1.0,))}, database, plan) == []
    assert drifts({}, database, plan) == []
    assert drifts({"x": Bins(counts=(0, 0, 0), edges=(1.0,))}, database, plan) == []
