"""A sharded subset in Dagster: partitions, staleness shard by shard, what a failed shard leaves."""

from __future__ import annotations

import gzip
import json

import dagster as dg
import pytest
from PIL import Image

from dj_assets.assets.backfill import backfill
from dj_assets.assets.concurrency import MODEL_POOL
from dj_assets.assets.instance import project_instance
from dj_assets.errors import UserError
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run
from dj_assets.recipe.gallery import find_gallery
from tests.assets.conftest import GOOD, RECIPE
from tests.assets.staleness import shard_causes, shard_statuses

SHARDED = RECIPE.replace("{paths: data/notes.jsonl}", '{paths: "data/notes/*"}\n  shards: {files: 1}')
STATS, DUPLICATES, REFINED = (dg.AssetKey(["mine", f"notes{stage}"]) for stage in ("_stats", "_duplicates", ""))


@pytest.fixture
def sharded(project):
    project.write_recipe(SHARDED)
    for number in range(4):
        write(project, f"part-{number}", GOOD[10 * number : 10 * number + 10])
    return project


def write(project, name: str, texts: list[str]) -> None:
    folder = project.root / "data/notes"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))


def run_range(project, instance, key: dg.AssetKey, first: str, last: str) -> dg.ExecuteInProcessResult:
    job = project.definitions().resolve_implicit_global_asset_job_def()
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    return job.execute_in_process(instance=instance, asset_selection=[key], tags=tags, raise_on_error=False)


def statuses(project, instance, key: dg.AssetKey) -> dict[str, str]:
    return shard_statuses(project.root, instance, key)


def published(project) -> dict:
    return newest_run(Layout.home(project.root / "data_home/notes"))


def test_backfill_brings_everything_up_to_date(sharded):
    done = backfill("notes")
    assert (len(done.registered), len(done.measured), len(done.refined), done.problems) == (4, 4, 4, False)
    assert (published(sharded).samples_in, published(sharded).samples_out) == (40, 40)
    with project_instance() as instance:
        for key in (STATS, DUPLICATES, REFINED):
            assert set(statuses(sharded, instance, key).values()) == {"FRESH"}, key
        checks = instance.fetch_materializations(REFINED, limit=4).records
        states = [record.asset_materialization.metadata["state"].value for record in checks]
        assert states == ["published", *(f"waits for {n} other shards" for n in (1, 2, 3))]
        assert "funnel" in checks[0].asset_materialization.metadata
    again = backfill("mine/notes")
    assert str(again) == "shards: all up to date, nothing to do"


def test_a_new_shard_makes_only_those_stale_whose_outcome_changed(sharded):
    backfill("notes")
    write(sharded, "part-00", [GOOD[5], "A text that nobody else has, about ships and the sea.", GOOD[27]])
    with project_instance() as instance:
        instance.add_dynamic_partitions("notes_shards", ["part-00"])
        assert run_range(sharded, instance, STATS, "part-00", "part-00").success
        assert statuses(sharded, instance, DUPLICATES)["part-1"] == "STALE"
        assert statuses(sharded, instance, REFINED) == dict.fromkeys(
            ("part-0", "part-1", "part-2", "part-3"), "FRESH"
        ) | {"part-00": "MISSING"}
        assert run_range(sharded, instance, DUPLICATES, "part-0", "part-00").success
        # natural order puts part-0 before part-00: its sample stays, and that of part-2 goes
        assert statuses(sharded, instance, REFINED) == {
            "part-0": "FRESH",
            "part-1": "FRESH",
            "part-2": "STALE",
            "part-3": "FRESH",
            "part-00": "MISSING",
        }
        assert shard_causes(sharded.root, instance, REFINED, "part-2") == [
            ("notes_duplicates", "has a new data version")
        ]
    assert backfill("notes").refined == ("part-2", "part-00")
    assert (published(sharded).samples_in, published(sharded).samples_out) == (43, 41)


def test_shards_are_stale_after_a_word_list_changed(sharded):
    sharded.write_recipe(SHARDED.replace("process:", "process:\n  - stopwords_filter: {lang: en, min_ratio: 0.0}"))
    words = dg.AssetKey(["word_lists", "stopwords_stopwordsiso_en"])
    graph = sharded.definitions().resolve_asset_graph()
    assert graph.get(STATS).parent_keys == {dg.AssetKey(["mine", "notes_source"]), words}
    assert backfill("notes").problems is False
    with project_instance() as instance:
        (version,) = instance.fetch_materializations(words, limit=10).records  # one event for all four shards
        assert version.asset_materialization.tags["dagster/data_version"] == graph.get(words).code_version
        assert set(statuses(sharded, instance, STATS).values()) == {"FRESH"}
        newer = dg.AssetMaterialization(words, tags={"dagster/data_version": "newer"})
        instance.report_runless_asset_event(newer)
        assert set(statuses(sharded, instance, STATS).values()) == {"STALE"}
        assert shard_causes(sharded.root, instance, STATS, "part-1") == [(words.path[-1], "has a new data version")]
        # the list is the one of before after all: the shard is up to date without being measured again
        again = run_range(sharded, instance, STATS, "part-1", "part-1")
        (event,) = again.asset_materializations_for_node("mine__notes_stats")
        assert (event.metadata["files_measured"].value, event.metadata["files_reused"].value) == (0, 1)
        assert statuses(sharded, instance, STATS)["part-1"] == "FRESH"


def test_a_failed_shard_loses_no_other_of_its_run_and_is_resumed_alone(sharded):
    broken = sharded.root / "data/notes/part-2.jsonl.gz"
    whole = gzip.compress((sharded.root / "data/notes/part-2.jsonl").read_bytes())
    (sharded.root / "data/notes/part-2.jsonl").unlink()
    broken.write_bytes(whole[:-20])
    first = backfill("notes")
    assert list(first.failed) == ["part-2"]
    assert "incomplete or damaged" in first.failed["part-2"]
    assert published(sharded).missing_shards == ("part-2",)
    with project_instance() as instance:
        run = run_range(sharded, instance, STATS, "part-0", "part-3")
        assert not run.success
        events = run.asset_materializations_for_node("mine__notes_stats")
        assert sorted(event.partition for event in events) == ["part-0", "part-1", "part-3"]
    broken.write_bytes(whole)
    second = backfill("notes", failed_only=True)
    assert second.measured == ("part-2",)
    assert (published(sharded).samples_in, published(sharded).missing_shards) == (40, ())


def test_a_shard_that_is_gone_is_reported_and_no_partition_any_more(sharded):
    backfill("notes")
    (sharded.root / "data/notes/part-1.jsonl").unlink()
    done = backfill("notes")
    assert done.removed == ("part-1",)
    assert published(sharded).samples_in == 30
    with project_instance() as instance:
        assert instance.get_dynamic_partitions("notes_shards") == ["part-0", "part-2", "part-3"]
        (record,) = instance.fetch_materializations(DUPLICATES, limit=1).records
        assert record.asset_materialization.metadata["removed_files"].value == "part-1.jsonl"


def test_the_publishing_run_is_checked(sharded):
    backfill("notes")
    with project_instance() as instance:
        key = dg.AssetCheckKey(REFINED, "conservation")
        (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
        evaluation = record.event.dagster_event.event_specific_data
        assert evaluation.passed
        assert evaluation.description == "40 samples in, 40 kept + 0 dropped + 0 quarantined"


PICTURES = """
asset:
  subset: pictures
  group: mine
  source: {paths: "data/pictures/*.jsonl"}
  shards: {files: 1}
process:
  - image_aspect_ratio_filter: {min_ratio: 0.5, max_ratio: 2.0}
"""


def test_a_sharded_subset_of_images_has_its_contact_sheets(sharded):
    sharded.write_recipe(PICTURES, "pictures")
    folder = sharded.root / "data/pictures"
    folder.mkdir()
    for number, widths in enumerate(((40, 300, 60), (500, 45, 70))):
        lines = []
        for width in widths:
            Image.new("RGB", (width, 50), (220, 30, 30)).save(folder / f"{width}.png")
            lines.append({"text": "<__dj__image> <|__dj__eoc|>", "images": [f"{width}.png"]})
        (folder / f"part-{number}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert backfill("pictures").refined == ("part-0", "part-1")
    sheets = sharded.root / "data_home/pictures/contact_sheets"
    assert sorted(path.name for path in sheets.iterdir()) == ["image_aspect_ratio_filter.jpg", "overview.jpg"]
    with project_instance() as instance:
        (record,) = instance.fetch_materializations(dg.AssetKey(["mine", "pictures"]), limit=1).records
        assert "data:image/jpeg;base64," in record.asset_materialization.metadata["contact_sheets"].value
    # what was published of a file that has left the source since is no reason to fail
    (folder / "part-1.jsonl").unlink()
    assert backfill("pictures").removed == ("part-1",)
    assert sorted(path.name for path in sheets.iterdir()) == ["image_aspect_ratio_filter.jpg", "overview.jpg"]


def test_a_subset_that_is_not_sharded_or_a_shard_that_is_not_there(sharded):
    sharded.write_recipe(RECIPE.replace("notes", "letters"), "letters")
    with pytest.raises(UserError, match=r"letters.yaml: is not sharded; add 'shards: \{\}'"):
        backfill("letters")
    with pytest.raises(UserError, match="has no shard 'part-9'; it has part-0, part-1"):
        backfill("notes", ["part-9"])
    with pytest.raises(UserError, match="nowhere: is no subset of the gallery"):
        backfill("nowhere")


def test_a_recipe_that_cannot_be_sharded_is_a_broken_asset(sharded):
    sharded.write_recipe(
        SHARDED.replace("document_simhash_deduplicator: {window_size: 3}", "document_line_deduplicator:")
    )
    spec = sharded.definitions().resolve_asset_graph().get(REFINED)
    assert "counts the whole corpus" in spec.description


def test_everything_that_runs_by_itself_is_shipped_stopped(sharded):
    definitions = sharded.definitions()
    names = {sensor.name: sensor.default_status.value for sensor in definitions.sensors}
    assert names == {"notes_arrivals": "STOPPED", "follow_new_statistics": "STOPPED"}
    assert [schedule.default_status.value for schedule in definitions.schedules] == ["STOPPED"]


def test_recipes_with_large_models_measure_in_one_pool_or_in_one_a_model(sharded, monkeypatch):
    def pools(definitions: dg.Definitions) -> set[str | None]:
        graph = definitions.resolve_asset_graph()
        return set(graph.get(STATS).pools or ())

    assert pools(sharded.definitions()) == set()
    sharded.write_recipe(SHARDED.replace("process:", "process:\n  - perplexity_filter: {lang: en}"))
    assert pools(sharded.definitions()) == {MODEL_POOL}
    monkeypatch.setenv("DJ_MODEL_POOLS", "each")
    assert pools(sharded.definitions()) == {"model_en_arpa_bin"}


def test_a_backfill_gives_as_many_shards_to_a_run_as_is_said(sharded, monkeypatch):
    def most(definitions: dg.Definitions) -> int | None:
        return definitions.resolve_asset_graph().get(STATS).backfill_policy.max_partitions_per_run

    assert most(sharded.definitions()) == 10
    monkeypatch.setenv("DJ_SHARDS_A_RUN", "3")
    assert most(sharded.definitions()) == 3


def test_the_sensor_registers_and_requests_what_arrived_once(sharded, monkeypatch):
    monkeypatch.setattr("dj_assets.assets.arrivals.SETTLED_S", 0)
    (sensor,) = [sensor for sensor in sharded.definitions().sensors if sensor.name == "notes_arrivals"]
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance, definitions=sharded.definitions())
        result = sensor(context)
        assert result.dynamic_partitions_requests[0].partition_keys == ["part-0", "part-1", "part-2", "part-3"]
        assert [request.partition_key for request in result.run_requests] == ["part-0", "part-1", "part-2", "part-3"]
        keys = [request.run_key for request in result.run_requests]
        assert [request.run_key for request in sensor(context).run_requests] == keys
        write(sharded, "part-1", GOOD[:3])
        changed = [request.run_key for request in sensor(context).run_requests]
        assert [old == new for old, new in zip(keys, changed, strict=True)] == [True, False, True, True]


def test_a_file_that_is_still_written_waits(sharded):
    (sensor,) = [sensor for sensor in sharded.definitions().sensors if sensor.name == "notes_arrivals"]
    with dg.DagsterInstance.ephemeral() as instance:
        result = sensor(dg.build_sensor_context(instance, definitions=sharded.definitions()))
        assert (result.run_requests, result.dynamic_partitions_requests) == ([], [])


def test_the_gallery_has_no_sharded_subset_yet_and_nothing_unattended():
    recipes = find_gallery().recipes.values()
    assert not [recipe.name for recipe in recipes if recipe.asset.shards]
