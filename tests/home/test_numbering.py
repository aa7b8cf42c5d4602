from __future__ import annotations

from pathlib import Path

from dj_assets.home.json_files import write_json
from dj_assets.home.layout import Layout
from dj_assets.home.numbering import numbers_of
from dj_assets.sources.sources import SourceFile


def files(names: str) -> list[SourceFile]:
    return [SourceFile(Path("/data") / name, 1, 0, "jsonl") for name in names]


def test_a_number_is_given_once(tmp_path):
    layout = Layout.home(tmp_path)
    assert numbers_of(layout, files("bdf")) == (0, 1, 2)
    assert numbers_of(layout, files("abcdf")) == (3, 0, 4, 1, 2)


def test_the_number_of_a_file_that_left_is_free_again(tmp_path):
    layout = Layout.home(tmp_path)
    numbers_of(layout, files("abc"))
    assert numbers_of(layout, files("bc")) == (1, 2)
    assert numbers_of(layout, files("bcxy")) == (1, 2, 0, 3)


def test_lost_numbers_are_those_of_the_measured_files(tmp_path):
    layout = Layout.home(tmp_path)
    for number, name in ((0, "b"), (1, "a")):
        write_json(layout.manifest(number), {"path": f"/data/{name}", "shard": number})
    assert numbers_of(layout, files("abc")) == (1, 0, 2)
