from __future__ import annotations

from pathlib import Path

import pytest

from dj_assets.home.layout import Layout
from dj_assets.recipe.model import Sharding
from dj_assets.sources.sources import SourceFile, natural_key
from dj_assets.subset import grouping
from dj_assets.subset.grouping import group, shards_of


def files(*names: str, size: int = 1_000_000) -> list[SourceFile]:
    paths = sorted((Path("/data") / name for name in names), key=natural_key)
    return [SourceFile(path, size, 0, "jsonl") for path in paths]


def members(groups: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path, name in groups.items():
        found.setdefault(name, []).append(path.removeprefix("/data/"))
    return found


def test_neighbours_make_a_shard_named_after_its_first_file():
    names = [f"part-{n}.jsonl.gz" for n in range(12)]
    found = members(group(files(*names), {}, Sharding(files=5)))
    assert list(found) == ["part-0", "part-5", "part-10"]
    assert found["part-10"] == ["part-10.jsonl.gz", "part-11.jsonl.gz"]


def test_a_shard_ends_once_it_is_large_enough():
    found = members(group(files(*(f"{n}.jsonl" for n in range(5)), size=100_000_000), {}, Sharding()))
    assert [len(inside) for inside in found.values()] == [3, 2]
    assert len(members(group(files("a.jsonl", "b.jsonl", size=10**9), {}, Sharding()))) == 2


def test_files_that_come_and_go_leave_the_others_where_they_are():
    sharding = Sharding(files=2)
    before = group(files("b.jsonl", "c.jsonl", "d.jsonl", "e.jsonl"), {}, sharding)
    after = group(files("a.jsonl", "b.jsonl", "bb.jsonl", "c.jsonl", "e.jsonl"), before, sharding)
    assert members(after) == {"b": ["b.jsonl", "c.jsonl"], "d": ["e.jsonl"], "a": ["a.jsonl", "bb.jsonl"]}


def test_the_same_names_in_several_folders():
    groups = group(files("en/1.jsonl", "fr/1.jsonl", "fr/é 2.jsonl"), {}, Sharding(files=1))
    assert list(members(groups)) == ["1", "fr-1", "2"]


def test_never_more_than_the_most(monkeypatch):
    monkeypatch.setattr(grouping, "MAX_SHARDS", 4)
    names = [f"{n:03d}.jsonl" for n in range(10)]
    groups = group(files(*names), {}, Sharding(files=1))
    assert [len(inside) for inside in members(groups).values()] == [3, 3, 3, 1]
    more = group(files(*names, "999.jsonl"), groups, Sharding(files=1))
    assert members(more)["009"] == ["009.jsonl", "999.jsonl"]


@pytest.mark.parametrize("name", ["a b, c[1].jsonl", "...jsonl", "x...y.jsonl.gz"])
def test_names_are_fit_for_dagster(name):
    (found,) = members(group(files(name), {}, Sharding()))
    assert found
    assert not set(found) & set(" ,[]")
    assert "..." not in found


def test_the_grouping_is_kept_in_the_folder_of_the_subset(tmp_path):
    layout = Layout.home(tmp_path)
    first = shards_of(layout, files("b.jsonl", "c.jsonl"), Sharding(files=2))
    again = shards_of(layout, files("a.jsonl", "b.jsonl", "c.jsonl"), Sharding(files=1))
    assert [shard.name for shard in first] == ["b"]
    assert [(shard.name, len(shard.files)) for shard in again] == [("a", 1), ("b", 2)]
    assert again[1].size_bytes == 2_000_000
