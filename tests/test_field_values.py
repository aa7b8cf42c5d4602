"""Values of fields that people's data hold: sentinels, infinities and NaN do not stop a run, and are named."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import dj_assets
from dj_assets.errors import RecipeError
from dj_assets.views import release
from dj_assets.views.page import document
from dj_assets.views.page.report_input import ReportInput, Section

FILTER = {"specified_numeric_field_filter": {"field_key": "s", "min_value": 0, "max_value": 10}}


def run(folder: Path, values: list[object], process: list[object] | None = None) -> dict[str, str]:
    """Run a filter over a field; return the reason of every dropped sample, by its id."""
    lines = [json.dumps({"id": f"{n}", "text": "some text", "s": value}) for n, value in enumerate(values)]
    (folder / "a.jsonl").write_text("\n".join(lines))
    dj_assets.run_recipe({"process": process or [FILTER]}, [folder / "a.jsonl"], folder / "out", workers=1)
    return {row["id"]: row["reason"] for row in pq.read_table(folder / "out/dropped.parquet").to_pylist()}


def test_values_of_any_size_do_not_stop_a_run(tmp_path):
    reasons = run(tmp_path, [1e308, -1e308, 1, float("inf"), float("-inf")])
    assert set(reasons) == {"0", "1", "3", "4"}
    assert "too large to draw" in (tmp_path / "out/report.html").read_text()


def test_a_value_that_is_no_number_is_named(tmp_path):
    assert run(tmp_path, [float("nan"), None, -1, 11, 5]) == {
        "0": "NaN, not a number",
        "1": "no value",
        "2": "below min_value 0.0",
        "3": "above max_value 10.0",
    }


def test_a_section_of_the_report_that_fails_is_left_out(tmp_path, monkeypatch):
    def broken(report_input: ReportInput) -> Section:
        raise ZeroDivisionError(report_input.manifest.name)

    monkeypatch.setattr(document, "SECTIONS", (broken, *document.SECTIONS[1:]))
    run(tmp_path, [1])
    page = (tmp_path / "out/report.html").read_text()
    assert "This section could not be made (ZeroDivisionError" in page
    assert 'id="checks"' in page


@pytest.mark.parametrize("fails", ["dataset_card", "report_page", "run_facts"])
def test_a_page_that_fails_is_left_out(tmp_path, monkeypatch, fails):
    def broken(*_: object) -> str:
        raise ZeroDivisionError("<b>*x*</b>")

    monkeypatch.setattr(release, fails, broken)
    run(tmp_path, [1])
    card, report = ((tmp_path / "out" / name).read_text() for name in ("dataset_card.md", "report.html"))
    assert ("could not be made (ZeroDivisionError: &#60;b" in card) == (fails != "report_page")
    assert ("could not be made (ZeroDivisionError: &lt;b&gt;*x*" in report) == (fails != "dataset_card")


@pytest.mark.parametrize("lang", ["english", ["en", "eng"]])
def test_a_language_that_the_model_does_not_know_is_refused(tmp_path, lang):
    with pytest.raises(RecipeError, match=r"lang: the model does not know 'eng.*its languages are .*\ben\b"):
        run(tmp_path, [1], [{"language_id_score_filter": {"lang": lang}}])
    assert not (tmp_path / "out").exists()
