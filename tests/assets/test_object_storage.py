"""C4's recipe with everything in an object store: through Dagster and by the command's function, as on a disk."""

from __future__ import annotations

import dagster as dg
import pyarrow.parquet as pq

from dj_assets.assets.asset_graph import gallery_definitions
from dj_assets.assets.export import ExportConfig
from dj_assets.home.home import home_layout, output_layout
from dj_assets.home.manifest import newest_run
from dj_assets.publish.fetching import fetch
from dj_assets.recipe.gallery import Gallery, find_gallery
from dj_assets.stores import lease
from dj_assets.stores.store import Store
from dj_assets.subset import run_recipe
from tests.paths import ROOT
from tests.stores.s3 import KEY, SECRET

SAMPLE = ROOT / "dj_assets/samples/c4.jsonl.gz"


def texts(folder):
    return [row for path in sorted((folder / "refined").iterdir()) for row in pq.read_table(path).to_pylist()]


def metadata(run):
    events = run.filter_events(lambda event: event.event_type_value == "ASSET_MATERIALIZATION")
    found = [event.step_materialization_data.materialization for event in events]
    return {event.asset_key.path[-1]: {name: value.value for name, value in event.metadata.items()} for event in found}


def test_c4_is_the_same_in_a_store(lake, tmp_path, monkeypatch, instance):
    monkeypatch.setattr(lease, "SETTLE_S", 0.05)
    local = run_recipe(ROOT / "recipes/redpajama/c4.yaml", [SAMPLE], tmp_path / "local", workers=1)
    expected = texts(local.folder)
    assert 0 < len(expected) < local.samples_in

    Store.at(f"{lake}/raw").upload(SAMPLE, "c4-0.jsonl.gz")
    monkeypatch.setenv("DJ_HOME", f"{lake}/home")
    monkeypatch.setenv("DJ_SOURCE_C4", f"{lake}/raw/*.gz")
    recipes = find_gallery((ROOT / "recipes/redpajama",)).recipes
    definitions = gallery_definitions(Gallery({"c4": recipes["c4"]}, {}))
    job = definitions.resolve_implicit_global_asset_job_def()
    run = job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey(["redpajama", "c4"])])
    assert run.success
    assert all(check.passed for check in run.get_asset_check_evaluations())

    layout = home_layout("c4")
    version = f"{lake}/home/c4/versions/{newest_run(layout).run_id}"
    told = metadata(run)
    assert told["c4"]["dagster/uri"] == f"{version}/refined"
    assert told["c4_stats"]["dagster/uri"] == f"{lake}/home/c4/stats"
    assert told["c4_source"]["dagster/uri"] == f"{lake}/raw/c4-0.jsonl.gz"
    events = "".join(map(str, instance.all_logs(run.run_id)))
    assert SECRET not in events and KEY not in events

    fetch(layout, newest_run(layout).run_id, tmp_path / "fetched")
    assert [row["text"] for row in texts(tmp_path / "fetched")] == [row["text"] for row in expected]

    run_recipe(ROOT / "recipes/redpajama/c4.yaml", [f"{lake}/raw"], f"{lake}/out", workers=1)
    out = output_layout(f"{lake}/out")
    fetch(out, newest_run(out).run_id, tmp_path / "out")
    assert texts(tmp_path / "out") == texts(tmp_path / "fetched")

    export = definitions.resolve_assets_def(dg.AssetKey(["redpajama", "c4_export"]))
    done = dg.materialize(
        [export],
        instance=instance,
        selection=[export.key],
        run_config={"ops": {export.op.name: {"config": ExportConfig(format="jsonl").model_dump()}}},
    )
    assert metadata(done)["c4_export"]["dagster/uri"] == f"{lake}/home/c4/export"
    exported = Store.at(f"{lake}/home/c4/export").listing()
    assert {"manifest.json", "SHA256SUMS", "part-00000.jsonl"} == set(exported)
