from __future__ import annotations

import subprocess
import sys

import pytest

import dj_assets
from dj_assets.errors import UserError
from dj_assets.measure.engines import default_engine, for_each
from dj_assets.models import extras
from dj_assets.subset import Options
from tests.documents import documents, write_jsonl

RECIPE = {"process": ["text_length_filter"]}


def test_the_environment_names_the_engine(monkeypatch):
    assert Options().engine == "local"
    monkeypatch.setenv("DJ_ENGINE", "ray")
    assert Options().engine == "ray"
    monkeypatch.setenv("DJ_ENGINE", "spark")
    with pytest.raises(UserError, match="unknown engine 'spark'; there are local and ray"):
        default_engine()


def test_without_the_extra_one_line_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(extras, "installed", lambda package: package != "ray")
    source = write_jsonl(tmp_path / "a.jsonl", documents(5))
    with pytest.raises(UserError, match=r"^Please install ray: pip install 'dj_assets\[ray\]'$"):
        dj_assets.run_recipe(RECIPE, [source], tmp_path / "out", engine="ray")


def test_ray_is_not_loaded_where_it_was_not_chosen():
    code = (
        "import sys, dj_assets.definitions, dj_assets.measure.engines; print({'ray', 'dagster_ray'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"


def test_pieces_are_taken_in_order_here():
    done: list[tuple[int, str]] = []
    for_each("local", lambda number, name: done.append((number, name)), [(1, "a"), (2, "b")])
    assert done == [(1, "a"), (2, "b")]


def test_who_measured_is_told(tmp_path):
    sources = [write_jsonl(tmp_path / f"{n}.jsonl", documents(5)) for n in range(2)]
    run = dj_assets.run_recipe(RECIPE, sources, tmp_path / "out").manifest
    assert run.engine == "local"
    assert run.blocks_by_node == {run.nodes[0]: 2}
