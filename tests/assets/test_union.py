"""A subset whose sources are two refined subsets, through Dagster."""

from __future__ import annotations

import json

import dagster as dg
import pyarrow.parquet as pq
import pytest

from dj_assets.assets.asset_graph import gallery_definitions
from dj_assets.recipe.gallery import find_gallery
from tests.assets.staleness import stale_statuses

TEXT = "the text number {} says hello to the world"


@pytest.fixture
def union(tmp_path, monkeypatch):
    monkeypatch.setenv("DJ_PROJECT", str(tmp_path))
    monkeypatch.setenv("DJ_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DJ_RECIPES", raising=False)
    (tmp_path / "recipes").mkdir()
    write(tmp_path / "a.jsonl", [{"text": TEXT.format(i), "meta": {"path": f"{i}.py"}} for i in range(4)])
    write(tmp_path / "b.jsonl", [{"content": TEXT.format(i), "lang": "py"} for i in range(2, 7)])
    recipe(tmp_path, "za", "{path: a.jsonl}", "text_length_filter: {min_len: 3}")
    recipe(tmp_path, "zb", "{paths: b.jsonl}", "text_length_filter: {min_len: 3}", "text_keys: content")
    recipe(tmp_path, "code", "[{subset: za}, {subset: zb, text_key: content}]", "document_deduplicator: {}")
    return tmp_path


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def recipe(folder, subset, source, process, more=""):
    block = f"asset: {{subset: {subset}, group: g, source: {source}}}"
    (folder / f"recipes/{subset}.yaml").write_text(f"process: [{process}]\n{block}\n{more}\n")


def key(subset):
    return dg.AssetKey(["g", subset])


class World:
    def __init__(self):
        self.definitions = gallery_definitions(find_gallery())
        self.instance = dg.DagsterInstance.ephemeral()

    def materialize(self, subset):
        return self.definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance, asset_selection=[key(subset)], raise_on_error=False
        )

    def status(self, subset):
        return stale_statuses(self.definitions, self.instance)[f"g/{subset}"]


def test_a_union_needs_its_sources_refined_and_follows_them(union):
    world = World()
    graph = world.definitions.resolve_asset_graph()
    for made in ("code", "code_source"):
        assert {key("za"), key("zb")} <= graph.get(key(made)).parent_keys
    failed = world.materialize("code")
    (event,) = failed.filter_events(lambda event: event.is_step_failure)
    said = event.step_failure_data.user_failure_data.description
    assert said == "g/code: its source g/za is not there yet; materialize g/za first"

    assert all(world.materialize(subset).success for subset in ("za", "zb", "code"))
    assert world.status("code") == "FRESH"

    with (union / "a.jsonl").open("a") as file:
        file.write(json.dumps({"text": "something that nobody has said before"}) + "\n")
    assert world.materialize("za").success
    assert world.status("code") == "STALE"
    assert world.materialize("code").success
    assert world.status("code") == "FRESH"


def test_a_union_is_deduplicated_across_its_sources_and_says_where_each_sample_is_from(union):
    world = World()
    assert all(world.materialize(subset).success for subset in ("za", "zb", "code"))
    shards = [pq.read_table(path) for path in sorted((union / "home/code/refined").iterdir())]
    assert shards[0].schema == shards[1].schema
    rows = [row for shard in shards for row in shard.to_pylist()]
    assert [row["text"] for row in rows] == [TEXT.format(i) for i in range(7)]
    assert [row["meta"]["origin"] for row in rows] == ["za"] * 4 + ["zb"] * 3
    assert [row["meta"]["path"] for row in rows[:4]] == [f"{i}.py" for i in range(4)]
    assert [row["lang"] for row in rows[4:]] == ["py"] * 3
    assert [row["__dj_id__"] for row in rows[4:]] == ["b.jsonl:2", "b.jsonl:3", "b.jsonl:4"]
