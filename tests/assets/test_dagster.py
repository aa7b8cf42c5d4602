"""Recipes in a Dagster project of the user's, with an executor and assets of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster.components.testing import create_defs_folder_sandbox

from dj_assets.dagster import RecipesComponent, gallery_definitions, refined_asset
from dj_assets.errors import RecipeError, UserError
from dj_assets.recipe.load import load_recipe
from tests.assets.conftest import RECIPE, Project
from tests.paths import ROOT

HOST = """
import dagster as dg
from dj_assets.dagster import gallery_definitions

@dg.asset(deps=[dg.AssetKey(["warehouse", "mine", "notes"])])
def report() -> None:
    pass

defs = dg.Definitions.merge(
    gallery_definitions({recipes!r}, key_prefix="warehouse"),
    dg.Definitions(assets=[report], executor=dg.multiprocess_executor.configured({QUICK})),
)
"""
# Each step forks from a process that has imported what all need.
QUICK = {"start_method": {"forkserver": {"preload_modules": ["dj_assets.dagster"]}}}


def notes(definitions: dg.Definitions, *prefix: str) -> dg.AssetSpec:
    key = dg.AssetKey([*prefix, "mine", "notes"])
    (spec,) = (spec for spec in definitions.resolve_all_asset_specs() if spec.key == key)
    return spec


def test_the_executor_is_left_to_the_host(project: Project) -> None:
    own = dg.Definitions(executor=dg.multiprocess_executor)
    merged = dg.Definitions.merge(gallery_definitions(project.root / "recipes"), own)
    assert merged.executor is dg.multiprocess_executor
    assert not merged.jobs
    dg.Definitions.validate_loadable(merged)


def test_prefix_group_owners_and_tags_reach_every_asset(project: Project) -> None:
    block = "  subset: notes\n  owners: [team:data]\n  tags: {tier: gold}\n"
    project.write_recipe(RECIPE.replace("  subset: notes\n", block))
    project.write_recipe("process: 3\n", "broken")
    given = {"key_prefix": ["lake", "raw"], "group": "training", "owners": ["a@example.org"], "tags": {"cost": "low"}}
    definitions = gallery_definitions(project.root / "recipes", **given)
    specs = list(definitions.resolve_all_asset_specs())
    assert {spec.key.path[-1] for spec in specs} >= {"notes", "notes_source", "notes_stats", "notes_export", "broken"}
    for spec in specs:
        assert spec.key.path[:3] == ["lake", "raw", "mine"]
        assert spec.group_name == "training"
    spec = notes(definitions, "lake", "raw")
    assert list(spec.owners) == ["team:data", "a@example.org"]
    assert {"tier": "gold", "cost": "low"}.items() <= spec.tags.items()
    (key,) = {check.asset_key for check in definitions.resolve_asset_graph().asset_check_keys}
    assert key == spec.key


def test_the_freshness_policy_of_a_recipe(project: Project) -> None:
    block = "  subset: notes\n  freshness: {fail_hours: 48, warn_hours: 24}\n"
    project.write_recipe(RECIPE.replace("  subset: notes\n", block))
    specs = list(gallery_definitions(project.root / "recipes").resolve_all_asset_specs())
    (fresh,) = (spec for spec in specs if spec.freshness_policy)
    assert fresh.key.path == ["mine", "notes"]
    assert fresh.freshness_policy == dg.FreshnessPolicy.time_window(timedelta(hours=48), timedelta(hours=24))
    with pytest.raises(RecipeError, match="warn_hours must be less than fail_hours"):
        load_recipe(project.write_recipe(RECIPE.replace("  subset: notes\n", block.replace("24", "72"))))


def test_a_run_reports_its_stages_below_the_prefix(project: Project, instance: dg.DagsterInstance) -> None:
    definitions = gallery_definitions(project.root / "recipes", key_prefix="lake")
    run = project.materialize(instance, "lake/mine/notes", definitions)
    assert run.success
    assert {event.asset_key.to_user_string() for event in run.get_asset_materialization_events()} == {
        f"lake/mine/notes{stage}" for stage in ("", "_source", "_stats", "_duplicates")
    }
    assert {str(evaluation.asset_key.path[0]) for evaluation in run.get_asset_check_evaluations()} == {"lake"}


def test_checks_block_where_this_is_asked_for(project: Project) -> None:
    for blocking in (False, True):
        definitions = gallery_definitions(project.root / "recipes", blocking_checks=blocking)
        graph = definitions.resolve_asset_graph()
        assert {graph.get(key).blocking for key in graph.asset_check_keys} == {blocking}


def test_one_recipe_is_an_asset_with_its_stages(project: Project, instance: dg.DagsterInstance) -> None:
    assets = refined_asset(project.root / "recipes/mine/notes.yaml", key_prefix="lake", owners=["team:data"])
    names = {spec.key.path[-1] for spec in dg.Definitions(assets=assets).resolve_all_asset_specs()}
    assert names == {"notes", "notes_source", "notes_stats", "notes_duplicates"}
    (refined,) = assets[:1]
    assert refined.key == dg.AssetKey(["lake", "mine", "notes"])

    @dg.asset(deps=[refined])
    def report() -> None: ...

    definitions = dg.Definitions(assets=[*assets, report])
    job = definitions.resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(instance=instance, asset_selection=[refined.key, report.key]).success
    subsets = refined_asset("redpajama/c4"), refined_asset("t2v_147k")
    assert [dg.Definitions(assets=subset).resolve_all_asset_specs()[0].group_name for subset in subsets] == [
        "redpajama", "t2v",
    ]  # fmt: skip


def test_what_cannot_be_used_is_one_line(project: Project) -> None:
    recipes = project.root / "recipes"
    (project.root / "empty").mkdir()
    wrong = [
        (lambda: gallery_definitions(project.root / "empty"), "empty: no recipe"),
        (lambda: gallery_definitions(recipes / "none.yaml"), "none.yaml: no such file or folder"),
        (lambda: gallery_definitions("c44"), "did you mean"),
        (lambda: gallery_definitions(recipes, owners=["me"]), "owners: 'me' is not valid"),
        (lambda: gallery_definitions(recipes, tags={"a b": "c"}), "tags: "),
        (lambda: gallery_definitions(recipes, key_prefix="a/b"), "key_prefix: 'a/b' is not valid"),
        (lambda: refined_asset(project.root / "empty"), "empty: no recipe"),
        (lambda: refined_asset(ROOT / "recipes/pile"), "pile: has 8 recipes; name the file of one"),
        (lambda: load_recipe({"asset": {"subset": "a", "group": "b", "owners": ["x"]}, "process": []}), "owners"),
    ]
    for call, problem in wrong:
        with pytest.raises(UserError) as raised:
            call()
        assert problem in str(raised.value)
        assert "\n" not in str(raised.value)


def test_the_gallery_is_the_default(project: Project) -> None:
    keys = {spec.key.to_user_string() for spec in gallery_definitions(key_prefix="dj").resolve_all_asset_specs()}
    assert "dj/redpajama/c4" in keys
    assert len(keys) > 100


def test_the_multiprocess_executor_of_the_host_runs_a_recipe_and_what_is_downstream(project: Project) -> None:
    host = project.root / "host.py"
    host.write_text(HOST.format(recipes=str(project.root / "recipes"), QUICK=QUICK))
    (project.root / "instance").mkdir()
    environment = os.environ | {"DAGSTER_HOME": str(project.root / "instance"), "PYTHONPATH": str(ROOT)}
    command = [
        sys.executable,
        "-m",
        "dagster",
        "asset",
        "materialize",
        "-f",
        host,
        "--select",
        "warehouse/mine/notes,report",
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=project.root)
    assert done.returncode == 0, done.stderr
    with dg.DagsterInstance.from_config(str(project.root / "instance")) as instance:
        (run,) = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.SUCCESS
        assert instance.get_latest_materialization_event(dg.AssetKey("report"))
        started = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_WORKER_STARTED)
        assert len(started) >= 3, "each step has a process"
    assert (project.root / "data_home/notes/stats.duckdb").is_file()


def test_a_component_in_yaml(project: Project) -> None:
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(
            component_cls=RecipesComponent,
            defs_yaml_contents={
                "type": "dj_assets.dagster.RecipesComponent",
                "attributes": {"recipes": ["recipes"], "key_prefix": ["lake"], "owners": ["team:data"]},
            },
        )
        (Path(path) / "recipes/mine").mkdir(parents=True)
        (Path(path) / "recipes/mine/notes.yaml").write_text(RECIPE)
        with sandbox.build_all_defs() as definitions:
            assert list(notes(definitions, "lake").owners) == ["team:data"]
            assert definitions.executor is None
