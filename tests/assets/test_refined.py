from __future__ import annotations

import hashlib
import json
from pathlib import Path

import dagster as dg
import pytest

from dj_assets.analysis.funnel_chain import ChainLink, funnel_chain
from dj_assets.assets.asset_graph import gallery_definitions
from dj_assets.assets.result_metadata import MAX_EVENT_BYTES
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run
from tests.assets.conftest import GOOD, RECIPE, ROWS
from tests.assets.staleness import stale_reasons, stale_statuses

FRESH = dict.fromkeys(("mine/notes", "mine/notes_source", "mine/notes_stats", "mine/notes_duplicates"), "FRESH")


def materializations(run: dg.ExecuteInProcessResult) -> dict[str, dg.AssetMaterialization]:
    events = run.filter_events(lambda event: event.event_type_value == "ASSET_MATERIALIZATION")
    found = [event.step_materialization_data.materialization for event in events]
    return {event.asset_key.to_user_string(): event for event in found}


def values(event: dg.AssetMaterialization) -> dict[str, object]:
    return {name: value.value for name, value in event.metadata.items()}


def test_one_run_reports_every_stage_and_leaves_all_fresh(project, instance):
    run = project.materialize(instance)
    assert run.success
    assert [event.step_key for event in run.filter_events(lambda event: event.is_step_success)] == [
        "mine__notes.measure",
        "mine__notes.deduplicate",
        "mine__notes.refine",
        "notes_checks",
    ]
    assert set(materializations(run)) == set(FRESH)
    assert stale_statuses(project.definitions(), instance) == FRESH


def test_it_stays_fresh_when_run_again_over_new_data(project, instance):
    project.materialize(instance)
    project.write_rows([*ROWS, "A wholly new sentence about the northern lighthouse and its keeper."])
    run = project.materialize(instance)
    assert run.success
    assert values(materializations(run)["mine/notes"])["samples_in"] == len(ROWS) + 1
    assert stale_statuses(project.definitions(), instance) == FRESH


def test_a_new_threshold_makes_only_the_refined_asset_stale(project, instance):
    before = materializations(project.materialize(instance))
    project.write_recipe(RECIPE.replace("min_len: 12", "min_len: 60"))
    assert stale_statuses(project.definitions(), instance) == FRESH | {"mine/notes": "STALE"}
    assert stale_reasons(project.definitions(), instance, "mine/notes") == ["has a new code version"]

    after = materializations(project.materialize(instance))
    assert stale_statuses(project.definitions(), instance) == FRESH
    version = "dagster/data_version"
    assert after["mine/notes_stats"].tags[version] == before["mine/notes_stats"].tags[version]
    assert after["mine/notes"].tags[version] != before["mine/notes"].tags[version]
    assert values(after["mine/notes_stats"])["shards_reused"] == 1


def test_both_code_versions_change_with_what_is_measured(project):
    def versions() -> list[str]:
        graph = project.definitions().resolve_asset_graph()
        return [graph.get(dg.AssetKey(["mine", name])).code_version for name in ("notes_stats", "notes")]

    measured, refined = versions()
    project.write_recipe(RECIPE.replace("min_ratio: 0.5", "min_ratio: 0.6"))
    assert versions()[0] == measured
    assert versions()[1] != refined
    project.write_recipe(RECIPE.replace("{min_ratio: 0.5}", "{min_ratio: 0.5, tokenization: true}"))
    assert versions()[0] != measured


def test_the_same_again_is_the_same_data_version(project, instance):
    first, second = (materializations(project.materialize(instance)) for _ in range(2))
    for key in FRESH:
        assert first[key].tags["dagster/data_version"] == second[key].tags["dagster/data_version"]


def test_metadata_of_the_refined_asset(project, instance):
    event = materializations(project.materialize(instance))["mine/notes"]
    metadata = values(event)
    assert (metadata["samples_in"], metadata["samples_out"], metadata["dropped"]) == (44, 40, 4)
    assert metadata["retention"] == pytest.approx(40 / 44, abs=1e-6)
    assert metadata["reference_retention"] == 0.75
    assert metadata["reference_computed"] == 0.75
    assert metadata["dagster/row_count"] == 40
    assert metadata["dagster/uri"] == str(project.root / "data_home/notes/refined")
    assert [column.name for column in metadata["dagster/column_schema"].columns] == ["__dj_id__", "text", "url"]
    assert metadata["kept/text_length"] == pytest.approx(43 / 44, abs=1e-6)
    assert "kept/whitespace_normalization" not in metadata
    assert all(len(key) < 28 for key in metadata)
    assert metadata["quarantined"] == 0
    assert metadata["seconds"] > 0
    assert metadata["dropped_most"] == "document_simhash: 2 samples, 4.5 % of all"
    assert metadata["recipe_file"] == str(project.root / "recipes/mine/notes.yaml")
    assert metadata["report"] == str(project.root / "data_home/notes/report.html")
    assert "40 of 44 samples" in (project.root / "data_home/notes/report.html").read_text()
    assert "both texts are the same" in metadata["duplicate_pairs"]
    (file,) = (record.data for record in event.metadata["source_files"].records)
    assert (file["file"], file["samples"], file["kept"]) == ("notes.jsonl", 44, 40)
    assert metadata["source_folder"] == str(project.root / "data")
    assert "duckdb" in metadata["versions"]
    rows = [dict(record.data) for record in event.metadata["funnel"].records]
    assert rows[1] == {"operator": "text_length", "in": 44, "out": 43, "kept": "97.7 %"}
    assert metadata["funnel_plot"].startswith("![funnel](data:image/png;base64,")
    assert len(metadata["funnel_plot"]) < 1000
    assert metadata["distributions"].startswith("![distributions](data:image/svg+xml;base64,")
    assert "short" in metadata["dropped_examples"]
    assert "&#42;&#42;&#42;" in metadata["dropped_examples"], "what looks like Markdown is shown as it is"


def test_metadata_of_the_stages(project, instance):
    found = materializations(project.materialize(instance))
    source = values(found["mine/notes_source"])
    assert (source["files"], source["dagster/row_count"]) == (1, 44)
    assert source["bytes"] == (project.root / "data/notes.jsonl").stat().st_size
    content = (project.root / "data/notes.jsonl").read_bytes()
    (shard,) = found["mine/notes_source"].metadata["shards"].records
    assert shard.data["sha256"] == hashlib.sha256(content).hexdigest()
    stats = values(found["mine/notes_stats"])
    assert stats["dagster/row_count"] == 44
    units = {column.name: column.description for column in stats["dagster/column_schema"].columns}
    assert units["text_len"] == "characters"
    assert [row.data["statistic"] for row in found["mine/notes_stats"].metadata["statistics"].records] == [
        "text_len",
        "alnum_ratio",
    ]
    assert found["mine/notes_stats"].metadata["statistics"].records[0].data["min"] == "5"
    duplicates = values(found["mine/notes_duplicates"])
    assert (duplicates["duplicates"], duplicates["clusters"]) == (2, 2)


def test_the_event_keeps_its_budget_with_wide_records_and_many_operators(project, instance):
    fields = {f"a_rather_long_name_of_a_column_{n}": {"deeply": {"nested": n}} for n in range(400)}
    lines = "\n".join(json.dumps({"text": text, **fields}) for text in ROWS)
    (project.root / "data/notes.jsonl").write_text(lines + "\n")
    filters = "".join(f"  - text_length_filter: {{min_len: {n}}}\n" for n in range(80))
    project.write_recipe(RECIPE + filters)
    for event in materializations(project.materialize(instance)).values():
        assert len(dg.serialize_value(event)) <= MAX_EVENT_BYTES


def test_a_mistake_of_the_user_is_one_line(project, instance):
    (project.root / "data/notes.jsonl").unlink()
    run = project.materialize(instance)
    assert not run.success
    (failure,) = run.filter_events(lambda event: event.is_step_failure and event.step_failure_data.user_failure_data)
    data = failure.step_failure_data
    assert "no such file or folder" in data.user_failure_data.description
    assert "\n" not in data.user_failure_data.description
    assert data.error.cause is None
    assert data.error.stack == []


def mine_job() -> dg.JobDefinition:
    return gallery_definitions().resolve_job_def("mine_job")


def test_re_execution_from_failure_starts_at_the_failed_step(project):
    in_the_way = project.root / "data_home/notes/runs"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.touch()  # where the folder of manifests is to be: refine fails
    job = dg.reconstructable(mine_job)
    with dg.DagsterInstance.local_temp(overrides={"telemetry": {"enabled": False}}) as instance:
        first = dg.execute_job(job, instance)
        assert not first.success
        in_the_way.unlink()
        again = dg.ReexecutionOptions.from_failure(first.run_id, instance)
        second = dg.execute_job(job, instance, reexecution_options=again)
        assert second.success
        steps = [event.step_key for event in second.filter_events(lambda event: event.is_step_success)]
        assert steps == ["mine__notes.refine", "notes_checks"]
        assert stale_statuses(project.definitions(), instance) == FRESH


def chain_in(home: Path) -> tuple[ChainLink, ...]:
    manifest = newest_run(Layout.home(home / "digest"))
    assert manifest
    return funnel_chain(manifest)


def test_a_subset_made_of_refined_ones_runs_after_them_and_follows_them(project, instance):
    made_of = RECIPE.replace("subset: notes", "subset: digest").replace("{paths: data/notes.jsonl}", "{subset: notes}")
    project.write_recipe(made_of, "a_digest")
    definitions = project.definitions()
    graph = definitions.resolve_asset_graph()
    assert graph.get(dg.AssetKey(["mine", "digest_source"])).parent_keys == {dg.AssetKey(["mine", "notes"])}
    run = definitions.resolve_job_def("mine_job").execute_in_process(instance=instance)
    digest = values(materializations(run)["mine/digest"])
    assert digest["samples_in"] == 40
    assert "![funnel of all subsets](data:image/svg+xml" in str(digest["funnel_chain"])
    assert "funnel_chain" not in values(materializations(run)["mine/notes"])
    home = project.root / "data_home"
    assert [link.subset for link in chain_in(home)] == ["notes", "digest"]
    assert "notes → digest" in (home / "digest/report.html").read_text("utf-8")
    assert set(stale_statuses(definitions, instance).values()) == {"FRESH"}

    project.write_rows(ROWS[:30])
    project.materialize(instance, "mine/notes")
    assert stale_statuses(project.definitions(), instance)["mine/digest"] == "STALE"
    # the samples that were read are no longer those of the newest run
    assert [link.subset for link in chain_in(home)] == ["digest"]


def test_the_notices_of_a_recipe_are_logged_once(project, instance):
    project.write_recipe("mem_required: 1\n" + RECIPE)
    run = project.materialize(instance)
    logged = [
        entry.user_message for entry in instance.all_logs(run.run_id) if "keys without effect" in entry.user_message
    ]
    assert len(logged) == 1
    assert "mem_required" in logged[0]


def test_a_subset_is_deduplicated_against_another(project, instance):
    block = "  source: {paths: data/train.jsonl}\n  against: {subset: notes}\n"
    train = RECIPE.replace("subset: notes", "subset: train").replace("  source: {paths: data/notes.jsonl}\n", block)
    project.write_recipe(train, "a_train")
    rows = [{"text": text} for text in (GOOD[0], GOOD[1], "A sentence of our own that nobody else has written.")]
    (project.root / "data/train.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    definitions = project.definitions()
    graph = definitions.resolve_asset_graph()
    train_keys = {name: dg.AssetKey(["mine", name]) for name in ("train", "train_source", "train_duplicates")}
    notes = dg.AssetKey(["mine", "notes"])
    assert notes in graph.get(train_keys["train"]).parent_keys
    assert notes in graph.get(train_keys["train_duplicates"]).parent_keys
    assert notes not in graph.get(train_keys["train_source"]).parent_keys

    run = definitions.resolve_job_def("mine_job").execute_in_process(instance=instance)
    events = materializations(run)
    metadata = values(events["mine/train"])
    assert (metadata["samples_in"], metadata["samples_out"], metadata["dropped_against"]) == (3, 1, 2)
    assert metadata["samples_against"] == 40
    assert "(against), distance 0" in metadata["dropped_examples"]
    assert values(events["mine/train_duplicates"])["duplicates_against"] == 2
    assert set(stale_statuses(definitions, instance).values()) == {"FRESH"}

    project.write_rows(ROWS[:1])
    project.materialize(instance, "mine/notes")
    assert stale_statuses(project.definitions(), instance)["mine/train"] == "STALE"
    again = project.materialize(instance, "mine/train")
    assert values(materializations(again)["mine/train"])["samples_out"] == 2
    assert values(materializations(again)["mine/train_stats"])["shards_reused"] == 1
