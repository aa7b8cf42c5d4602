"""A cluster whose data home, sources and output lie in an object store."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from dj_assets import settings
from dj_assets.errors import UserError
from dj_assets.home.home import output_layout
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run
from dj_assets.recipe.load import load_recipe
from dj_assets.subset import Options, Subset, run_recipe
from tests.documents import documents, write_jsonl
from tests.measure.ray.conftest import NODES
from tests.stores.s3 import upload
from tests.subset.test_object_storage import recipe, rows_of


@pytest.fixture
def raw(lake, tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "BATCH_BYTES", 10_000)
    for shard in range(3):
        write_jsonl(tmp_path / f"raw/part-{shard}.jsonl", documents(200, seed=shard // 2))
    upload(tmp_path / "raw", f"{lake}/raw")
    return tmp_path / "raw"


def test_home_sources_and_output_in_a_store_are_those_of_a_disk(raylets, raw, lake, tmp_path):
    run_recipe(recipe(), [raw], tmp_path / "out", workers=1)
    expected = rows_of(Layout.output(tmp_path / "out"))

    home = Layout.at(f"{lake}/home/notes")
    Subset(load_recipe(recipe()), [f"{lake}/raw"], home, Options(engine="ray", workers=NODES)).run()
    run = newest_run(home)
    assert run.engine == "ray" and len(run.nodes) > 1
    assert rows_of(home)["refined"] == expected["refined"]

    run_recipe(recipe(), [f"{lake}/raw"], f"{lake}/out", engine="ray", workers=1)
    assert newest_run(output_layout(f"{lake}/out")).engine == "ray"
    assert rows_of(output_layout(f"{lake}/out")) == expected


def test_a_cache_that_nodes_do_not_share_is_told_in_one_line(raylets, raw, lake, tmp_path, monkeypatch):
    from dj_assets.measure.ray import cluster

    # what the driver wrote is not there on any node
    monkeypatch.setattr(cluster, "_new_file", lambda folder: nullcontext(folder / "not there"))
    told = rf"node .* does not see {tmp_path}/cache, where {lake}/out/\.dj is worked at; .* set DJ_CACHE to a folder on"
    with pytest.raises(UserError, match=told):
        run_recipe(recipe(), [f"{lake}/raw"], f"{lake}/out", engine="ray")
