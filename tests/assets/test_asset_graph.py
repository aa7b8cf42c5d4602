from __future__ import annotations

import json
import subprocess
import sys
import time

import dagster as dg

from dj_assets.analysis.run_checks import CHECKS
from tests.assets.conftest import RECIPE
from tests.paths import ROOT

NEVER_AT_LOAD = ["torch", "ray", "cv2", "transformers", "numba", "kenlm", "sentencepiece"]
LOAD = """
import json, sys, time
from dj_assets.definitions import defs
import dagster as dg
dg.Definitions.validate_loadable(defs)
keys = [key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()]
print(json.dumps({"keys": keys, "loaded": [name for name in sys.argv[1:] if name in sys.modules]}))
"""


def test_the_shipped_definitions_load_quickly_and_without_models():
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-W", "error::dagster.BetaWarning", "-c", LOAD, *NEVER_AT_LOAD],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    seconds = time.perf_counter() - started
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["loaded"] == []
    assert {"redpajama/c4", "redpajama/c4_source", "redpajama/c4_stats", "redpajama/c4_duplicates"} <= set(
        found["keys"]
    )
    assert seconds < 30


def test_an_asset_graph_from_source_to_the_refined_subset(project):
    definitions = project.definitions()
    dg.Definitions.validate_loadable(definitions)
    graph = definitions.resolve_asset_graph()
    parents = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert parents == {
        "mine/notes_source": set(),
        "mine/notes_stats": {"mine/notes_source"},
        "mine/notes_duplicates": {"mine/notes_stats"},
        "mine/notes": {"mine/notes_stats", "mine/notes_duplicates"},
        "mine/notes_export": {"mine/notes"},
        "mine/notes_evaluation_records": {"mine/notes"},
    }
    refined = graph.get(dg.AssetKey(["mine", "notes"]))
    assert refined.group_name == "mine"
    assert refined.kinds == {"duckdb", "parquet"}
    assert "Notes of a traveller." in refined.description
    assert "\n\nCleaned by whitespace normalization; filtered by text length and alphanumeric; " in refined.description
    assert "; deduplicated by document simhash.\n\n" in refined.description
    assert "`data/notes.jsonl`" in refined.description
    assert graph.get(dg.AssetKey(["mine", "notes_stats"])).is_external


def test_models_word_lists_and_raw_references_are_in_the_graph_with_their_versions(project):
    recipe = RECIPE.replace("process:", "process:\n  - stopwords_filter: {lang: en}\n  - perplexity_filter: {lang: en}")
    recipe = recipe.replace("asset:", "asset:\n  against: {path: data/notes.jsonl}", 1)
    project.write_recipe(recipe, "notes", "mine")
    graph = project.definitions().resolve_asset_graph()
    parents = {key.to_user_string() for key in graph.get(dg.AssetKey(["mine", "notes_stats"])).parent_keys}
    lists = "word_lists/stopwords_stopwordsiso_en"
    assert parents >= {"mine/notes_source", "models/en_arpa_bin", lists}
    assert len(graph.get(dg.AssetKey(lists.split("/"))).code_version) == 64
    duplicates = graph.get(dg.AssetKey(["mine", "notes_duplicates"])).parent_keys
    assert dg.AssetKey(["mine", "notes_reference"]) in duplicates


def test_definition_metadata_hold_the_reference_the_links_and_the_recipe(project):
    metadata = project.definitions().resolve_asset_graph().get(dg.AssetKey(["mine", "notes"])).metadata
    assert metadata["reference_rows_in"] == 400
    assert metadata["reference_retention"] == 0.75
    assert metadata["gallery"].value == "[Docs](https://example.org/notes)"
    assert metadata["recipe"].value == f"```yaml\n{RECIPE.rstrip()}\n```"
    (reference,) = metadata["dagster/code_references"].code_references
    assert reference.file_path == str(project.root / "recipes/mine/notes.yaml")


def test_one_job_a_group_with_the_checks_in_it(project):
    project.write_recipe(RECIPE.replace("notes", "letters"), "letters")
    project.write_recipe(RECIPE.replace("notes", "poems").replace("group: mine", "group: other"), "poems", "other")
    definitions = project.definitions()
    jobs = {job.name: job for job in definitions.resolve_all_job_defs() if not job.name.startswith("__")}
    assert set(jobs) == {"mine_job", "other_job"}
    layer = jobs["mine_job"].asset_layer
    assert {key.to_user_string() for key in layer.selected_asset_keys} == {"mine/notes", "mine/letters"}
    assert len(layer.asset_graph.get(dg.AssetKey(["mine", "notes"])).check_keys) == len(CHECKS)


def test_a_broken_recipe_is_an_asset_that_says_so_beside_the_others(project):
    project.write_recipe("process:\n  - text_lenght_filter:\n", "typo")
    definitions = project.definitions()
    dg.Definitions.validate_loadable(definitions)
    graph = definitions.resolve_asset_graph()
    broken = graph.get(dg.AssetKey(["mine", "typo"]))
    assert broken.is_external
    assert broken.kinds == {"error"}
    assert broken.description == (
        "Does not load: typo.yaml: process[0]: text_lenght_filter: unknown operator; did you mean 'text_length_filter'?"
    )
    assert graph.has(dg.AssetKey(["mine", "notes"]))


def test_a_broken_recipe_never_takes_the_key_of_another(project):
    project.write_recipe("process: 3\n", "notes.old")
    project.write_recipe("process: 3\n", "notes", "deeper/mine")
    keys = {key.to_user_string() for key in project.definitions().resolve_asset_graph().get_all_asset_keys()}
    assert {"mine/notes", "mine/notes_old", "mine/notes_broken"} <= keys
