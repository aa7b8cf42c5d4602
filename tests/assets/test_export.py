from __future__ import annotations

import json

import dagster as dg
import pyarrow.parquet as pq
import pytest

from tests.assets.conftest import RECIPE
from tests.assets.staleness import stale_reasons

EXPORT = RECIPE.replace("  links:", "  export: {format: jsonl, shard_size: 500}\n  links:")
KEY = dg.AssetKey(["mine", "notes_export"])


def export(project, instance, config: dict | None = None) -> dg.ExecuteInProcessResult:
    job = project.definitions().resolve_implicit_global_asset_job_def()
    run_config = {"ops": {"mine__notes_export": {"config": config or {}}}}
    return job.execute_in_process(run_config, instance=instance, asset_selection=[KEY], raise_on_error=False)


def metadata(run: dg.ExecuteInProcessResult) -> dict:
    (event,) = run.asset_materializations_for_node("mine__notes_export")
    return {name: value.value for name, value in event.metadata.items()}


def test_the_export_stands_behind_the_refined_subset_and_follows_the_recipe(project, instance):
    project.write_recipe(EXPORT)
    assert project.materialize(instance).success
    folder = project.root / "data_home/notes/export"
    assert not folder.exists(), "nothing is exported unasked"
    run = export(project, instance)
    assert run.success
    told = metadata(run)
    assert told["parts"] == told["written"] > 3
    assert told["dagster/row_count"] == 40
    lines = [line for part in sorted(folder.glob("*.jsonl")) for line in part.read_text().splitlines()]
    refined = pq.read_table(project.root / "data_home/notes/refined").to_pylist()
    assert [json.loads(line) for line in lines] == refined
    assert metadata(export(project, instance))["written"] == 0


def test_a_run_may_want_it_otherwise(project, instance):
    project.write_recipe(EXPORT)
    project.materialize(instance)
    wanted = {"format": "webdataset", "shard_size": "1 GB", "folder": "elsewhere"}
    assert metadata(export(project, instance, wanted))["parts"] == 1
    assert (project.root / "elsewhere/part-00000.tar").exists()
    failed = export(project, instance, {"format": "csv"})
    (failure,) = failed.filter_events(lambda event: event.is_step_failure)
    assert "unknown export format 'csv'; there are jsonl, jsonl.zst" in str(failure.step_failure_data)


def test_a_new_version_makes_it_stale_and_takes_its_place(project, instance):
    project.write_recipe(EXPORT)
    project.materialize(instance)
    export(project, instance)
    assert stale_reasons(project.definitions(), instance, "mine/notes_export") == []
    project.write_recipe(EXPORT.replace("min_len: 12", "min_len: 66"))
    project.materialize(instance)
    assert stale_reasons(project.definitions(), instance, "mine/notes_export")
    told = metadata(export(project, instance))
    folder = project.root / "data_home/notes/export"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["SHA256SUMS", "manifest.json", *(f"part-{n:05d}.jsonl" for n in range(told["parts"]))]
    )
    assert told["dagster/row_count"] == json.loads((folder / "manifest.json").read_text())["samples"] < 40


def test_a_table_gets_a_version_for_each_run(project, instance):
    pytest.importorskip("deltalake")
    from deltalake import DeltaTable

    project.write_recipe(EXPORT.replace("format: jsonl", "format: delta"))
    project.materialize(instance)
    assert [metadata(export(project, instance))["version"] for _ in range(2)] == ["0", "1"]
    table = DeltaTable(project.root / "data_home/notes/export")
    assert table.to_pyarrow_dataset().count_rows() == 40
