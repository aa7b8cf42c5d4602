"""Pools against an independent construction in plain Python: sort, cut, slice."""

from __future__ import annotations

import hashlib
import itertools
import math
import random
from collections.abc import Iterator

import duckdb
import numpy as np
import pytest

from dj_assets.sandbox.cuts import Probed, find_thirds
from dj_assets.sandbox.pools import PARTS, Pool, count, pyramid_sizes, value_count

ROWS = 1000
STATISTICS = (Probed("ties"), Probed("scores", is_list=True), Probed("holes"), Probed("number"))


def make_rows() -> list[dict[str, object]]:
    dice = random.Random(7)
    rows = []
    for n in range(ROWS):
        scores = [dice.randrange(8) / 8 for _ in range(dice.randrange(4))]
        holes = dice.choice([None, math.nan, *range(5), *range(5)])
        at = {"shard": n // 400, "row": n % 400}
        rows.append({**at, "ties": dice.randrange(4), "scores": scores, "holes": holes, "number": dice.random()})
    return rows


@pytest.fixture(scope="module")
def rows() -> list[dict[str, object]]:
    return make_rows()


@pytest.fixture(scope="module")
def connection(rows) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        made.execute(
            "CREATE TABLE stats (shard INTEGER, row BIGINT, ties INTEGER, scores DOUBLE[], holes DOUBLE, number DOUBLE)"
        )
        dice = random.Random(1)
        # stored in any order: a pool must not lean on it
        shuffled = dice.sample(rows, len(rows))
        made.executemany("INSERT INTO stats VALUES (?, ?, ?, ?, ?, ?)", [list(row.values()) for row in shuffled])
        made.execute("CREATE TABLE dropped (shard INTEGER, row BIGINT)")
        made.execute("CREATE TABLE quarantine (shard INTEGER, row BIGINT)")
        made.execute("INSERT INTO dropped SELECT shard, row FROM stats WHERE row % 3 = 0 AND shard = 1")
        made.execute("INSERT INTO quarantine VALUES (0, 5)")
        yield made


def number_of(value: object) -> float | None:
    if isinstance(value, list):
        return sum(value) / len(value) if value else 0.0
    return None if value is None or math.isnan(value) else float(value)


def plain_thirds(rows: list[dict[str, object]], statistic: str) -> dict[str, list[tuple[int, int]]]:
    """The same by hand: everything with a value, in order, cut at two places."""
    ranked = sorted(
        (number, row["shard"], row["row"]) for row in rows if (number := number_of(row[statistic])) is not None
    )
    first, second = int(len(ranked) / 3 + 0.5), int(len(ranked) * 2 / 3 + 0.5)
    parts = ranked[:first], ranked[first:second], ranked[second:]
    return {part: [(shard, row) for _, shard, row in found] for part, found in zip(PARTS, parts, strict=True)}


def members(connection: duckdb.DuckDBPyConnection, pool: Pool) -> list[tuple[int, int]]:
    return list(zip(*(column.tolist() for column in pool.positions(connection)), strict=True))


def test_thirds_are_those_of_a_sorted_list_row_for_row(connection, rows):
    thirds, without = find_thirds(connection, STATISTICS)
    assert not without
    assert [third.name for third in thirds] == [f"{s.column}_{part}" for s in STATISTICS for part in PARTS]
    for third in thirds:
        want = plain_thirds(rows, third.statistic)[third.part]
        assert members(connection, Pool(third.name, (third,))) == sorted(want), third.name
        assert third.count == len(want)
        values = {(row["shard"], row["row"]): number_of(row[third.statistic]) for row in rows}
        inside = [values[place] for place in want]
        assert (third.low, third.high) == (min(inside), max(inside))
        by_value = [v for v in values.values() if v is not None and third.low <= v <= third.high]
        assert third.value_count == len(by_value) == value_count(connection, Pool("", (third,)))
    assert any(third.value_count > third.count for third in thirds), "ties straddle a cut"


def test_only_kept_samples_where_it_is_told_so(connection, rows):
    gone = {(row["shard"], row["row"]) for row in rows if row["row"] % 3 == 0 and row["shard"] == 1} | {(0, 5)}
    kept = [row for row in rows if (row["shard"], row["row"]) not in gone]
    thirds, _ = find_thirds(connection, STATISTICS[:1], kept=True)
    for third in thirds:
        want = plain_thirds(kept, "ties")[third.part]
        assert members(connection, Pool("", (third,), kept=True)) == sorted(want)
    assert count(connection, Pool("all", kept=True)) == len(kept)


def test_intersections_and_the_sizes_of_all_of_them_by_one_query(connection, rows):
    thirds, _ = find_thirds(connection, STATISTICS)
    chosen = [thirds[n] for n in (0, 5, 7, 9)]
    plain = [set(plain_thirds(rows, third.statistic)[third.part]) for third in chosen]
    sizes = pyramid_sizes(connection, chosen)
    assert len(sizes) == 2**4 - 1
    for size in range(1, 5):
        for numbers in itertools.combinations(range(4), size):
            want = set.intersection(*(plain[n] for n in numbers))
            pool = Pool("", tuple(chosen[n] for n in numbers))
            assert members(connection, pool) == sorted(want)
            assert sizes[numbers] == len(want)


def test_a_level_of_the_pyramid_holds_what_meets_so_many(connection, rows):
    thirds, _ = find_thirds(connection, STATISTICS)
    chosen = (thirds[0], thirds[5], thirds[9])
    plain = [set(plain_thirds(rows, third.statistic)[third.part]) for third in chosen]
    met = {(row["shard"], row["row"]): sum((row["shard"], row["row"]) in one for one in plain) for row in rows}
    two = Pool("level", chosen, at_least=2)
    assert members(connection, two) == sorted(place for place, number in met.items() if number >= 2)
    tip = sum(number == 3 for number in met.values())
    drawn = members(connection, two.drawn(tip + 4))
    assert [met[place] for place in drawn].count(3) == tip, "what meets all is drawn first"


def test_samples_are_drawn_by_a_seed_and_the_smaller_is_part_of_the_larger(connection):
    everything = Pool("random", seed=3)
    fifty, hundred = (set(members(connection, everything.drawn(n))) for n in (50, 100))
    assert (len(fifty), len(hundred)) == (50, 100)
    assert fifty < hundred
    other = set(members(connection, Pool("random", seed=4).drawn(100)))
    assert len(other & hundred) < 40
    assert 20 < np.mean([row for _, row in hundred]) < 350, "drawn from everywhere"


def test_the_draw_is_in_the_order_of_md5_on_every_machine(connection, rows):
    def hashed(place: tuple[int, int]) -> int:
        return int.from_bytes(hashlib.md5(f"7:{place[0]}:{place[1]}".encode()).digest()[8:], "little")

    want = sorted(((row["shard"], row["row"]) for row in rows), key=hashed)[:25]
    assert members(connection, Pool("random", size=25, seed=7)) == sorted(want)


def test_statistics_without_three_parts_say_why():
    with duckdb.connect() as own:
        own.execute(
            "CREATE TABLE stats AS SELECT 0 AS shard, range AS row, 1.5 AS same, NULL::DOUBLE AS none FROM range(9)"
        )
        thirds, without = find_thirds(own, [Probed("same"), Probed("none")])
    assert thirds == []
    assert without == {"same": "constant: every value is 1.5", "none": "no values"}


@pytest.mark.parametrize("size", range(3, 9))
def test_few_values(size):
    with duckdb.connect() as own:
        own.execute(f"CREATE TABLE stats AS SELECT 0 AS shard, range AS row, range // 2 AS v FROM range({size})")
        thirds, _ = find_thirds(own, [Probed("v")])
        found = [members(own, Pool("", (third,))) for third in thirds]
    want = plain_thirds([{"shard": 0, "row": n, "v": n // 2} for n in range(size)], "v")
    assert found == list(want.values())


def test_a_pool_survives_json(connection):
    import dataclasses
    import json

    thirds, _ = find_thirds(connection, STATISTICS)
    pool = Pool("p", (thirds[0], thirds[2]), at_least=1, size=9, seed=2, repeat=4)
    assert Pool.of_json(json.loads(json.dumps(dataclasses.asdict(pool)))) == pool
