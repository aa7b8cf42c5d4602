from __future__ import annotations

import random
import re
from pathlib import Path
from xml.etree import ElementTree

import pyarrow as pa

from dj_assets.recipe.plan import Plan
from dj_assets.subset import RunResult
from dj_assets.views.distributions import LIMIT_BYTES, distributions_svg
from tests.published import ListMeasures, NameMeasures, build, measuring

SVG = "{http://www.w3.org/2000/svg}"


def words(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_the_picture_says_what_the_run_did(small: tuple[Plan, RunResult]) -> None:
    plan, result = small
    said = words(distributions_svg(result.database, plan))
    assert "60 of 101 samples kept, 59.4 %" in said
    assert {"text_len", "≥ 30", "≤ 400", "25.3 % fail"} <= set(said)
    assert {"alnum_ratio", "≥ 0.6", "10.1 % fail"} <= set(said)
    assert any(line.startswith("characters · n = 99") for line in said)


def test_the_picture_needs_nothing_from_elsewhere(small: tuple[Plan, RunResult]) -> None:
    plan, result = small
    svg = distributions_svg(result.database, plan)
    assert not re.search(r"<script|href|url\(|@import|<foreignObject|\son\w+=", svg)
    assert re.findall(r"https?://[^\"]*", svg) == ["http://www.w3.org/2000/svg"]
    assert distributions_svg(result.database, plan) == svg


def test_all_three_fates_are_drawn(tmp_path: Path) -> None:
    columns = {"x": pa.array([float(n % 50) for n in range(500)])}
    plan, database = build(tmp_path, [measuring("x", pa.float64(), 10)], columns, gone=range(400, 500))
    drawn = {
        element.get("class") for element in ElementTree.fromstring(distributions_svg(database, plan)).iter(f"{SVG}path")
    }
    assert {"kept", "elsewhere", "fails", "cut", "axis"} <= drawn


def test_odd_columns_do_not_break_it(tmp_path: Path) -> None:
    nan, inf = float("nan"), float("inf")
    columns = {
        "empty": pa.nulls(4, pa.float64()),
        "nan": pa.array([nan] * 4),
        "constant": pa.array([7] * 4, pa.int64()),
        "zero": pa.array([0.0] * 4),
        "huge": pa.array([1e-300, 1e300, -1e300, inf]),
        "sizes": pa.array([[], None, [], None], pa.list_(pa.float64())),
        "name": pa.array(['<b>&"\x01', None, "a", "a"]),
    }
    filters = [
        measuring("empty", pa.float64(), 1, 2),
        measuring("nan", pa.float64(), 1),
        measuring("constant", pa.int64(), 7, 7),
        measuring("zero", pa.float64()),
        measuring("huge", pa.float64(), 0, 1),
        ListMeasures(),
        NameMeasures(),
    ]
    plan, database = build(tmp_path, filters, columns)
    said = words(distributions_svg(database, plan))
    assert [name for name in columns if name in said] == list(columns)
    assert said.count("no values") == 3
    assert '<b>&" ' in said
    assert "nan" not in "".join(re.findall(r' d="[^"]*"', distributions_svg(database, plan)))


def test_a_subset_without_samples_is_drawn(tmp_path: Path) -> None:
    plan, database = build(tmp_path, [measuring("x", pa.float64(), 1)], {"x": pa.array([], pa.float64())})
    assert "no values" in words(distributions_svg(database, plan))


def test_a_recipe_without_filters_is_drawn(tmp_path: Path) -> None:
    plan, database = build(tmp_path, [], {"unused": pa.array([1.0])})
    assert "this recipe measures no statistic" in words(distributions_svg(database, plan))


def test_an_open_bound_and_a_bound_of_nothing(tmp_path: Path) -> None:
    columns = {"x": pa.array([0.0, 0.5]), "y": pa.array([-1.0, 1.0])}
    filters = [measuring("x", pa.float64(), 0, 0.75), measuring("y", pa.float64(), 0)]
    open_bound = filters[1].model_copy(update={"min_closed_interval": False})
    plan, database = build(tmp_path, [filters[0], open_bound], columns)
    said = words(distributions_svg(database, plan))
    # nothing of x can fall below 0; of y something does
    assert said.count("≥ 0") == 1
    assert "≤ 0.75" in said


def many(folder: Path, size: int, count: int) -> tuple[Plan, Path]:
    seeded = random.Random(7)
    names = [f"some_statistic_{n}" for n in range(count)]
    columns = {name: pa.array([seeded.lognormvariate(3, 1.5) for _ in range(size)]) for name in names}
    filters = [measuring(name, pa.float64(), 2.5, 700) for name in names]
    return build(folder, filters, columns, gone=sorted(seeded.sample(range(size), size // 3)))


def test_twelve_panels_fit_into_forty_kilobytes(tmp_path: Path) -> None:
    plan, database = many(tmp_path, 3000, 12)
    svg = distributions_svg(database, plan)
    assert len(svg.encode()) < LIMIT_BYTES
    assert "some_statistic_11" in words(svg)


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    plan, database = many(tmp_path, 300, 5)
    whole = distributions_svg(database, plan)
    less = distributions_svg(database, plan, limit_bytes=len(whole.encode()) - 1000)
    assert len(less.encode()) < len(whole.encode())
    assert "not drawn, because of the size limit: some_statistic_4" in words(less)
    assert "some_statistic_3" in words(less)
