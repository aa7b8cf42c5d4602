"""Subsets with images and clips, materialized for real on the samples that ship."""

from __future__ import annotations

import base64
import io
import json
import re

import dagster as dg
import duckdb
import pytest
from PIL import Image

from dj_assets.assets.asset_graph import gallery_definitions
from dj_assets.assets.demo import materialize_gallery
from dj_assets.assets.result_metadata import MAX_EVENT_BYTES
from dj_assets.home.layout import Layout
from dj_assets.publish.export.export import Export
from dj_assets.recipe.gallery import Gallery, find_gallery
from tests.assets.staleness import stale_statuses
from tests.paths import ROOT

SHIPPED = find_gallery((ROOT / "recipes",))


def only(*subsets: str) -> Gallery:
    return Gallery({name: SHIPPED.recipes[name] for name in subsets}, {})


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("DJ_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DJ_MODELS", raising=False)
    return tmp_path / "home"


def materialized(gallery, subset, instance):
    job = gallery_definitions(gallery).resolve_implicit_global_asset_job_def()
    key = dg.AssetKey(subset.split("/"))
    result = job.execute_in_process(instance=instance, asset_selection=[key], raise_on_error=False)
    assert result.success
    return {
        event.asset_key.to_user_string(): event.materialization for event in result.get_asset_materialization_events()
    }


def load(path):
    return json.loads(path.read_text("utf-8"))


def picture_of(metadata):
    encoded = re.search(r"data:image/jpeg;base64,([^)]*)\)", metadata.value)[1]
    return Image.open(io.BytesIO(base64.b64decode(encoded)))


def test_a_pool_of_clips_is_refined_with_its_sources_in_the_lineage(home, instance):
    gallery = only("t2v_147k")
    events = materialized(gallery, "t2v/t2v_147k", instance)
    # models have no rows
    rows = {
        name: event.metadata["dagster/row_count"].value for name, event in events.items() if name.startswith("t2v/")
    }
    assert {name: rows[f"t2v/{name}"] for name in ("internvid", "panda_70m", "msr_vtt")} == {
        "internvid": 10,
        "panda_70m": 9,
        "msr_vtt": 5,
    }
    assert rows["t2v/t2v_147k_source"] == 24
    graph = gallery_definitions(gallery).resolve_asset_graph()
    upstream = graph.get(dg.AssetKey(["t2v", "t2v_147k_source"])).parent_keys
    assert {key.path[-1] for key in upstream} == {"internvid", "panda_70m", "msr_vtt"}
    assert stale_statuses(gallery_definitions(gallery), instance)["t2v/t2v_147k"] == "FRESH"

    refined = events["t2v/t2v_147k"].metadata
    assert refined["samples_in"].value == 24
    assert refined["samples_out"].value > 0
    assert refined["quarantined"].value == 3, "an empty clip, a truncated one, a missing one"
    assert "random weights" in refined["models"].value
    assert len(dg.serialize_value(events["t2v/t2v_147k"]).encode()) <= MAX_EVENT_BYTES
    assert picture_of(refined["contact_sheets"]).width > 200
    sheets = {path.name for path in (home / "t2v_147k" / "contact_sheets").iterdir()}
    assert sheets == {"overview.jpg", "video_nsfw_filter.jpg", "video_frames_text_similarity_filter.jpg"}
    with duckdb.connect() as connection:
        kept = connection.execute(f"SELECT meta.origin, videos FROM '{home}/t2v_147k/refined/*.parquet'").fetchall()
    assert {origin for origin, _ in kept} <= {"internvid", "panda_70m", "msr_vtt"}
    assert all(len(videos) == 1 for _, videos in kept)


def test_a_demo_of_text_leaves_subsets_with_media_out(home, project):
    recipe = ROOT / "recipes" / "t2v" / "t2v_147k.yaml"
    project.write_recipe(recipe.read_text("utf-8"), "t2v_147k", "t2v")
    gallery = find_gallery((project.root / "recipes",))
    assert [outcome.name for outcome in materialize_gallery(gallery)] == ["mine/notes"]


def test_a_subset_whose_packages_are_missing_says_which_line_installs_them(monkeypatch):
    monkeypatch.setattr("dj_assets.assets.description.installed", lambda package: package != "safetensors")
    graph = gallery_definitions(only("t2v_147k")).resolve_asset_graph()
    assert "pip install 'dj_assets[vision]'" in graph.get(dg.AssetKey(["t2v", "t2v_147k"])).description


def test_llava_is_refined_and_comes_back_in_its_own_form(home, instance, tmp_path):
    refined = materialized(only("llava_pretrain"), "llava/llava_pretrain", instance)["llava/llava_pretrain"].metadata
    counts = {name: refined[name].value for name in ("samples_in", "samples_out", "dropped", "quarantined")}
    assert counts["samples_in"] == 61 == counts["samples_out"] + counts["dropped"] + counts["quarantined"]
    assert counts["quarantined"] == 6, "empty, no image, missing, outside, a URL, no answer"
    assert picture_of(refined["contact_sheets"]).height > 200
    Export(Layout.home(home / "llava_pretrain"), tmp_path / "out", "llava").run()
    parts = [path for path in (tmp_path / "out").glob("*.json") if path.name != "manifest.json"]
    exported = [record for path in parts for record in load(path)]
    assert len(exported) == counts["samples_out"]
    given = {record["id"]: record for record in load(ROOT / "dj_assets/samples/llava/captions.json")}
    assert all(record == given[record["id"]] for record in exported), "nothing had to be cleaned in these"
