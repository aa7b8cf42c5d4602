"""Every check must be able to fail: each is shown data that it must refuse, and data that it must not."""

from __future__ import annotations

import dagster as dg
import duckdb
import pyarrow.parquet as pq
import pytest

from tests.assets.conftest import GOOD, RECIPE, ROWS

ALL = {
    "conservation": "ERROR",
    "not_empty": "ERROR",
    "quarantine": "ERROR",
    "retention_vs_last_run": "WARN",
    "retention_vs_reference": "WARN",
    "every_operator_works": "WARN",
    "statistics_are_stable": "WARN",
}


def evaluations(run: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {check.check_name: check for check in run.get_asset_check_evaluations()}


def failed(run: dg.ExecuteInProcessResult) -> set[str]:
    return {name for name, check in evaluations(run).items() if not check.passed}


def check_only(project, instance) -> dg.ExecuteInProcessResult:
    definitions = project.definitions()
    selection = dg.AssetSelection.checks_for_assets(dg.AssetKey(["mine", "notes"]))
    job = dg.define_asset_job("checks_only", selection)
    merged = dg.Definitions.merge(definitions, dg.Definitions(jobs=[job]))
    return merged.resolve_job_def("checks_only").execute_in_process(instance=instance, raise_on_error=False)


def test_all_are_evaluated_in_the_run_with_their_severities(project, instance):
    found = evaluations(project.materialize(instance))
    assert {name: check.severity.value for name, check in found.items()} == ALL
    assert found["conservation"].description == "44 samples in, 40 kept + 4 dropped + 0 quarantined"


def test_a_single_check_can_be_run_by_itself(project, instance):
    project.materialize(instance)
    key = dg.AssetCheckKey(dg.AssetKey(["mine", "notes"]), "conservation")
    job = dg.define_asset_job("one_check", dg.AssetSelection.checks(key))
    merged = dg.Definitions.merge(project.definitions(), dg.Definitions(jobs=[job]))
    run = merged.resolve_job_def("one_check").execute_in_process(instance=instance)
    assert set(evaluations(run)) == {"conservation"}


def test_a_sound_run_passes_what_can_be_an_error(project, instance):
    assert failed(project.materialize(instance)) == {"retention_vs_reference"}  # 91 % against 75 %, 11 % of its rows


def test_conservation_fails_when_a_refined_sample_is_missing(project, instance):
    project.materialize(instance)
    (part,) = (project.root / "data_home/notes/refined").glob("*.parquet")
    pq.write_table(pq.read_table(part).slice(1), part)
    run = check_only(project, instance)
    assert "conservation" in failed(run)
    assert evaluations(run)["conservation"].description.endswith("39 kept + 4 dropped + 0 quarantined = 43")


def test_conservation_fails_when_a_sample_has_two_fates(project, instance):
    project.materialize(instance)
    with duckdb.connect(str(project.root / "data_home/notes/stats.duckdb")) as connection:
        connection.execute("INSERT INTO quarantine VALUES (0, 0, 'x', 'load', 'again')")
    assert "conservation" in failed(check_only(project, instance))


def test_not_empty_fails_when_nothing_is_kept(project, instance):
    project.write_recipe(RECIPE.replace("min_len: 12", "min_len: 900"))
    assert "not_empty" in failed(project.materialize(instance))


def test_quarantine_has_an_allowance_of_a_few_samples(project, instance):
    project.write_rows(ROWS, bad_lines=5)
    assert "quarantine" not in failed(project.materialize(instance))
    project.write_rows(ROWS, bad_lines=6)
    run = project.materialize(instance)
    assert "quarantine" in failed(run)
    assert evaluations(run)["quarantine"].description == "6 quarantined, the budget is 5"


def test_the_recipe_may_set_the_quarantine_budget(project, instance):
    project.write_rows(ROWS, bad_lines=6)
    block = "  tolerance: {quarantine_share: %s, quarantine_samples: 0}\n"
    for share, fails in (("0.2", False), ("0.1", True)):
        project.write_recipe(RECIPE.replace("  links:", block % share + "  links:"))
        assert ("quarantine" in failed(project.materialize(instance))) is fails


def test_retention_fails_when_it_moves_away_from_the_last_run(project, instance):
    project.materialize(instance)
    assert "retention_vs_last_run" not in failed(project.materialize(instance))
    project.write_recipe(RECIPE.replace("min_len: 12", "min_len: 62"))
    run = project.materialize(instance)
    assert "retention_vs_last_run" in failed(run)
    assert "the last run 90.91 %" in evaluations(run)["retention_vs_last_run"].description.replace("%:", " %:")


@pytest.mark.parametrize(("rows_in", "fails"), [(400, True), (44 * 100, True), (44 * 101, False)])
def test_retention_is_compared_with_the_reference_from_one_per_cent_of_it_on(project, instance, rows_in, fails):
    project.write_recipe(RECIPE.replace("rows_in: 400", f"rows_in: {rows_in}"))
    run = project.materialize(instance)
    assert ("retention_vs_reference" in failed(run)) is fails
    if not fails:
        assert "not compared" in evaluations(run)["retention_vs_reference"].description


def test_retention_near_the_reference_passes(project, instance):
    project.write_recipe(RECIPE.replace("published_retention: 0.75", "published_retention: 0.93"))
    assert failed(project.materialize(instance)) == set()


def test_an_operator_that_touched_nothing_is_named(project, instance):
    project.write_rows([text for text in GOOD for _ in range(2)])
    assert "every_operator_works" not in failed(project.materialize(instance)), "too few samples to warn"
    project.write_recipe(RECIPE.replace("process:", "  tolerance: {idle_samples: 80}\nprocess:"))
    run = project.materialize(instance)
    assert "every_operator_works" in failed(run)
    assert evaluations(run)["every_operator_works"].description == "dropped nothing: text_length, alphanumeric"


def test_drift_needs_an_earlier_run(project, instance):
    run = project.materialize(instance)
    assert "nothing to compare with" in evaluations(run)["statistics_are_stable"].description


def test_drift_fails_when_the_source_changes_and_names_the_statistics(project, instance):
    long = [f"{text} {text} {text}" for text in GOOD]
    project.write_rows(GOOD * 2)
    project.materialize(instance)
    project.write_rows(long * 2)
    check = evaluations(project.materialize(instance))["statistics_are_stable"]
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert check.description.startswith("moved: text_len")
    rows = {record.data["statistic"]: record.data for record in check.metadata["figures"].records}
    assert rows["text_len"]["stability index"] > 1
    assert list(rows["text_len"]) == ["statistic", "stability index", "by chance up to", "values"]


def test_drift_passes_for_the_same_data_whatever_the_thresholds(project, instance):
    project.materialize(instance)
    project.write_recipe(RECIPE.replace("min_len: 12", "min_len: 62"))
    check = evaluations(project.materialize(instance))["statistics_are_stable"]
    assert check.passed
    assert {record.data["stability index"] for record in check.metadata["figures"].records} == {0}


def test_the_recipe_may_tolerate_drift(project, instance):
    project.write_recipe(RECIPE.replace("  links:", "  tolerance: {drift: 50}\n  links:"))
    project.write_rows(GOOD * 2)
    project.materialize(instance)
    project.write_rows([f"{text} {text} {text}" for text in GOOD] * 2)
    assert "statistics_are_stable" not in failed(project.materialize(instance))


def test_checks_before_anything_is_published_fail_in_one_line(project, instance):
    run = check_only(project, instance)
    assert not run.success
    (failure,) = run.filter_events(lambda event: event.is_step_failure)
    assert "nothing is published there; materialize mine/notes first" in str(failure.step_failure_data.error)
