from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

import dj_assets
from dj_assets.errors import UserError
from dj_assets.recipe.plan import Plan
from dj_assets.subset import RunResult
from tests.published import RECIPE, run_small


@pytest.fixture
def run(small: tuple[Plan, RunResult]) -> dj_assets.FinishedRun:
    return dj_assets.open(small[1].folder)


def test_the_tables_are_those_of_the_database(run: dj_assets.FinishedRun) -> None:
    with duckdb.connect(str(run.layout.database), read_only=True) as connection:
        for name in ("stats", "dropped", "duplicates", "quarantine", "funnel"):
            rows = connection.table(name).order("ALL").fetchall()
            assert getattr(run, name).order("ALL").fetchall() == rows, name
            assert rows or name in {"quarantine"}
    assert [row[1] for row in run.funnel.fetchall()][:2] == ["whitespace_normalization_mapper", "text_length_filter"]


def test_the_refined_samples_are_those_that_are_kept(run: dj_assets.FinishedRun) -> None:
    frame, table = run.refined.df(), run.refined.arrow()
    assert isinstance(frame, pd.DataFrame)
    assert isinstance(table, pa.Table | pa.RecordBatchReader)
    read = table.read_all() if isinstance(table, pa.RecordBatchReader) else table
    assert len(frame) == read.num_rows == run.manifest.samples_out == 60
    assert frame["__dj_id__"].tolist() == [f"s{n:03}" for n in range(60)]


def test_a_sample_is_explained(run: dj_assets.FinishedRun) -> None:
    (trace,) = run.explain("s060")
    assert trace.outcome.startswith("dropped by text_length_filter")
    with pytest.raises(UserError, match="no sample has the id 'nobody'"):
        run.explain("nobody")


def test_other_thresholds_give_another_funnel(run: dj_assets.FinishedRun) -> None:
    same = run.what_if({}).fetchall()
    assert same[-1][0] == "document_simhash_deduplicator"
    assert same[-1][2] == run.manifest.samples_out
    more = run.what_if({"text_length_filter": {"min_len": 10, "max_len": 10_000}}).fetchall()
    assert more[0][2] > same[0][2]
    with pytest.raises(UserError, match=r"has no operator 'text_lenght_filter'; did you mean 'text_length_filter'\?"):
        run.what_if({"text_lenght_filter": {"min_len": 10}})
    with pytest.raises(UserError, match="measured something else"):
        run.what_if({"document_simhash_deduplicator": {"window_size": 3}})
    with pytest.raises(UserError, match="valid number"):
        run.what_if({"text_length_filter": {"min_len": "many"}})


def test_a_notebook_shows_funnel_and_distributions(run: dj_assets.FinishedRun) -> None:
    page = run._repr_html_()
    assert f"60 of {run.manifest.samples_in} samples kept" in page
    for step in run.manifest.funnel:
        assert step.operator in page
    assert page.count("<svg") == 1
    assert "<script" not in page
    assert repr(run) == f"<FinishedRun small: 60 of 101 samples kept, run {run.manifest.run_id}>"


def test_names_of_a_recipe_are_no_markup(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "One text."}\n')
    recipe = {"project_name": "<b>x", "process": ["document_deduplicator"]}
    dj_assets.run_recipe(recipe, [tmp_path / "in.jsonl"], tmp_path / "out", workers=1, format="jsonl")
    with dj_assets.open(tmp_path / "out") as run:
        assert "&lt;b&gt;x" in run._repr_html_()
        assert run.refined.select("text").fetchall() == [("One text.",)]


def test_an_opened_run_stays_while_another_is_published(tmp_path: Path) -> None:
    _, result = run_small(tmp_path)
    with dj_assets.open(result.folder) as run:
        before = run.stats.fetchall()
        recipe = {**RECIPE, "process": RECIPE["process"][:1]}
        dj_assets.run_recipe(recipe, [tmp_path / "small.jsonl"], tmp_path / "out", workers=1, overwrite=True)
        assert run.stats.fetchall() == before
        with dj_assets.open(result.folder) as newest:
            assert newest.manifest.run_id != run.manifest.run_id
            assert len(newest.funnel.fetchall()) == 1 < len(run.funnel.fetchall())
    with pytest.raises(duckdb.ConnectionException):
        run.stats.fetchall()


def test_a_folder_without_a_run_and_an_unknown_subset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJ_HOME", str(tmp_path))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no finished run"):
        dj_assets.open(tmp_path / "empty")
    with pytest.raises(UserError, match="'c4'"):
        dj_assets.open("c44")
    with pytest.raises(UserError, match="c4: was not run yet"):
        dj_assets.open("c4")
    shutil.rmtree(tmp_path / "empty")
