"""Bits beside positions: every answer is the one that SQL over the whole table gives, on tables and on views."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest

from dj_assets.home.layout import Layout
from dj_assets.operators.registry import find
from dj_assets.recipe.model import Recipe
from dj_assets.recipe.plan import Plan, make_plan
from dj_assets.what_if.borders import neighbours
from dj_assets.what_if.bounds import movables
from dj_assets.what_if.filters_alone import count_filters
from dj_assets.what_if.judged import Judged, count, unpacked

FILES, ROWS = 3, 150_001
ALL = "alnum_ratio BETWEEN 0.2 AND 0.9 AND text_len BETWEEN 100 AND 800"


def made_plan() -> Plan:
    shares, lengths = find("alphanumeric_filter"), find("text_length_filter")
    assert shares is not None
    assert lengths is not None
    process = (shares(min_ratio=0.2, max_ratio=0.9), lengths(min_len=100, max_len=800))
    return make_plan(Recipe(file="<dict>", process=process, project_name="made"))


@pytest.fixture(scope="module", params=["TABLE", "VIEW"])
def connection(request, tmp_path_factory):
    """Many row groups of values that often are equal, some not a number or missing; rows of every file with gaps."""
    folder = tmp_path_factory.mktemp("judged")
    with duckdb.connect(config={"threads": 4}) as made:
        made.execute("SELECT setseed(0.5)")
        for shard in range(FILES):
            made.execute(
                f"""
                COPY (SELECT {shard}::INTEGER AS shard, 3 * row AS row, 'a:' || row AS id,
                             CASE WHEN random() < 0.01 THEN 'nan'::DOUBLE ELSE round(random(), 4) END AS alnum_ratio,
                             CASE WHEN random() > 0.01 THEN (random() * 1000)::BIGINT END AS text_len
                      FROM range({ROWS}) made(row))
                TO '{folder}/{shard}.parquet' (ROW_GROUP_SIZE 20000)
                """
            )
        made.execute(
            f"COPY (SELECT 1 AS shard, 3 * row AS row, 1 AS step FROM range(100) r(row)) TO '{folder}/r.parquet'"
        )
        made.execute(f"CREATE {request.param} stats AS SELECT * FROM read_parquet('{folder}/[0-9].parquet')")
        yield made, folder / "r.parquet"


def test_the_funnel_is_that_of_one_query(connection):
    sql, rejects = connection
    counts = count_filters(Judged(sql, [rejects]), made_plan())
    (shares,) = sql.execute("SELECT count(*) FROM stats WHERE alnum_ratio BETWEEN 0.2 AND 0.9").fetchone()
    failed = f"NOT EXISTS (FROM read_parquet('{rejects}') f WHERE f.shard = stats.shard AND f.row = stats.row)"
    (both,) = sql.execute(f"SELECT count(*) FROM stats WHERE {ALL} AND {failed}").fetchone()
    (lengths,) = sql.execute("SELECT count(*) FROM stats WHERE text_len BETWEEN 100 AND 800").fetchone()
    assert [(one.samples_in, one.samples_out) for one in counts] == [(FILES * ROWS, shares), (shares, both)]
    assert [one.alone for one in counts] == [FILES * ROWS - shares, FILES * ROWS - lengths]


@pytest.mark.parametrize(("number", "side"), [(0, "low"), (0, "high"), (1, "low"), (1, "high")])
def test_the_nearest_are_those_of_a_sorted_table(connection, tmp_path, number, side):
    sql, rejects = connection
    plan = made_plan()
    movable = movables(plan)[number]
    bound = next(bound for bound in movable.bounds if bound.side == side)
    found = neighbours(Judged(sql, [rejects]), plan, Layout.home(tmp_path), (movable, bound), 4)
    column, others = movable.statistic, ["text_len BETWEEN 100 AND 800", "alnum_ratio BETWEEN 0.2 AND 0.9"][number]
    own = ALL.replace(others, "").replace("AND  AND", "AND").removesuffix(" AND ").removeprefix(" AND ")
    beyond = f"{column} {'<' if side == 'low' else '>'} {bound.value}"
    for kept, test in ((True, own), (False, beyond)):
        expected = sql.execute(
            f"""
            SELECT id, {column} FROM stats LEFT JOIN read_parquet('{rejects}') f USING (shard, row)
            WHERE {test} AND {others} AND f.step IS NULL AND isfinite({column}::DOUBLE)
            ORDER BY abs({column}::DOUBLE - {bound.value}::DOUBLE), shard, row LIMIT 4
            """
        ).fetchall()
        assert sorted((one.id, one.value) for one in found if one.kept is kept) == sorted(expected)


def test_marks_come_out_where_they_went_in():
    marks = np.random.default_rng(7).random(1000) < 0.3
    bits = np.packbits(marks)
    assert count(bits) == marks.sum()
    for first, number in ((0, 1000), (1, 7), (9, 640), (999, 1), (5, 0)):
        assert np.array_equal(unpacked(bits, first, number), marks[first : first + number])


def test_a_run_without_samples_has_no_neighbours(tmp_path: Path):
    with duckdb.connect() as sql:
        sql.execute("CREATE TABLE stats (shard INTEGER, row BIGINT, id VARCHAR, alnum_ratio DOUBLE, text_len BIGINT)")
        sql.execute(f"COPY (SELECT 0 AS shard, 0 AS row, 1 AS step WHERE FALSE) TO '{tmp_path}/r.parquet'")
        judged, plan = Judged(sql, [tmp_path / "r.parquet"]), made_plan()
        movable = movables(plan)[0]
        assert [one.samples_in for one in count_filters(judged, plan)] == [0, 0]
        assert neighbours(judged, plan, Layout.home(tmp_path), (movable, movable.bounds[0])) == []
