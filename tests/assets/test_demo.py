from __future__ import annotations

import dagster as dg

from dj_assets.assets.demo import materialize_gallery
from dj_assets.recipe.gallery import find_gallery
from tests.assets.conftest import RECIPE
from tests.assets.staleness import stale_statuses


def test_every_subset_is_materialized_into_the_instance_that_the_ui_shows(project):
    project.write_recipe(RECIPE.replace("notes", "absent"), "absent")
    project.write_recipe("process: 3\n", "broken")
    outcomes = {outcome.name: outcome for outcome in materialize_gallery(find_gallery((project.root / "recipes",)))}

    assert set(outcomes) == {"mine/notes", "mine/absent", "broken"}
    notes = outcomes["mine/notes"]
    assert (notes.row.samples_in, notes.row.samples_out, notes.error) == (44, 40, "")
    assert notes.failed_checks == ("retention_vs_reference",)
    assert "no such file or folder" in outcomes["mine/absent"].error
    assert "process" in outcomes["broken"].error

    with dg.DagsterInstance.from_config(str(project.root / "dagster_home")) as instance:
        assert stale_statuses(project.definitions(), instance)["mine/notes"] == "FRESH"
