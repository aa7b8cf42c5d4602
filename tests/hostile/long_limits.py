"""Runs at the limits of a machine, for `make hostile`: its name keeps it out of the suite."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dj_assets.subset import run_recipe
from tests.hostile import kills
from tests.test_subset import contents

RECIPE = {"process": [{"text_length_filter": {"min_len": 3}}, "document_deduplicator"]}


def limited(world: kills.World, output: Path, before: Callable[[], None] | None, *more: str) -> tuple[int, str]:
    """Run the recipe of a world in a process with limits; return its exit code and what it says."""
    command = [sys.executable, "-m", "dj_assets.cli", "run", str(world.folder / "recipe.yaml"), *more]
    done = subprocess.run(
        [*command, "--input", str(world.folder / "source"), "--output", str(output)],
        preexec_fn=before,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> kills.World:
    return kills.world(tmp_path_factory.mktemp("limits") / "world", files=3, samples=300)


def test_sixty_four_open_files(world: kills.World, tmp_path: Path) -> None:
    code, said = limited(
        world, tmp_path / "out", lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)), "--workers", "2"
    )
    assert code == 0, said
    assert contents(tmp_path / "out") == world.expected


def test_more_workers_than_open_files_allow_is_one_line(world: kills.World, tmp_path: Path) -> None:
    code, said = limited(
        world, tmp_path / "out", lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)), "--workers", "64"
    )
    assert code == 2
    assert said.startswith("error: 64 worker processes need about 162 open files, and the system allows 64;")


def test_sixty_four_workers(world: kills.World, tmp_path: Path) -> None:
    code, said = limited(world, tmp_path / "out", None, "--workers", "64")
    assert code == 0, said
    assert contents(tmp_path / "out") == world.expected


def test_two_gigabytes_of_memory(world: kills.World, tmp_path: Path) -> None:
    most = 2 << 30
    code, said = limited(
        world, tmp_path / "out", lambda: resource.setrlimit(resource.RLIMIT_DATA, (most, most)), "--workers", "2"
    )
    assert code == 0, said
    assert contents(tmp_path / "out") == world.expected


def test_ten_thousand_files(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(10_000):
        (folder / f"{number}.jsonl").write_text(f'{{"text": "text {number}"}}\n')
    result = run_recipe(RECIPE, [folder], tmp_path / "out", workers=2)
    assert (result.samples_in, result.samples_out) == (10_000, 10_000)


def test_two_million_rows(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("".join(f'{{"text":"{number % 1_000_000}"}}\n' for number in range(2_000_000)))
    result = run_recipe(RECIPE, [tmp_path / "a.jsonl"], tmp_path / "out", workers=2)
    assert (result.samples_in, result.samples_out) == (2_000_000, 999_900)


@pytest.mark.parametrize("ending", [".parquet", ".jsonl"])
def test_a_thousand_columns(tmp_path: Path, ending: str) -> None:
    rows = [{"text": f"text {row}", **{f"c{column}": row * column for column in range(1000)}} for row in range(300)]
    path = tmp_path / f"a{ending}"
    if ending == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = run_recipe(RECIPE, [path], tmp_path / "out", workers=2)
    assert result.samples_out == 300
    assert pq.read_table(tmp_path / "out/refined")["c999"].to_pylist() == [row * 999 for row in range(300)]


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_no_sample_at_all(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.jsonl").write_text(content)
    result = run_recipe(RECIPE, [tmp_path / "a.jsonl"], tmp_path / "out", workers=2)
    assert (result.samples_in, result.samples_out) == (0, 0)


def test_everything_is_quarantined(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "broken\n' * 5000)
    (tmp_path / "b.jsonl").write_text('{"text": "A text."}\n')
    result = run_recipe(RECIPE, [tmp_path], tmp_path.with_name("out"), workers=2)
    assert (result.samples_in, result.quarantined, result.samples_out) == (5001, 5000, 1)
    result = run_recipe(RECIPE, [tmp_path / "a.jsonl"], tmp_path.with_name("nothing"), workers=2)
    assert (result.samples_in, result.quarantined, result.samples_out) == (5000, 5000, 0)
