"""A subset without samples that share n-grams with benchmarks, end to end."""

from __future__ import annotations

import json

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dj_assets
from dj_assets.analysis.explain import explain
from dj_assets.errors import RecipeError, SourceError
from dj_assets.home.layout import Layout
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from tests.documents import write_jsonl

QUESTION = "A farmer has seventeen sheep and sells all but nine of them to a neighbour in May"
CHOICES = ["The capital of the oldest republic in the world is called San Marino", "none of these answers is right"]
CELLS = "Which of the following planets has the largest number of moons that are known today"
TEXTS = [
    {"id": "clean", "text": "The harbour of the town was built by monks, and it is still used by their ships today."},
    {"id": "copied", "text": f"Riddle: {QUESTION.upper()}!"},
    {"id": "half", "text": "They say that the capital of the oldest republic in the world is called San Marino, so."},
    {"id": "table", "text": f"{CELLS}? Saturn."},
]


@pytest.fixture
def benchmarks(tmp_path):
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "riddles.json").write_text(json.dumps([{"question": QUESTION, "answer": 9}]))
    pq.write_table(pa.table({"q": ["x"], "choices": [CHOICES]}), folder / "quiz.parquet")
    (tmp_path / "planets.csv").write_text(f"id,prompt\np-1,{CELLS}\n")
    return {"folder": str(folder), "planets": {"path": str(tmp_path / "planets.csv"), "text_keys": "prompt"}}


@pytest.fixture
def samples(tmp_path):
    return write_jsonl(tmp_path / "train.jsonl", TEXTS)


def run(samples, output, benchmarks, **parameters):
    recipe = {"process": ["whitespace_normalization_mapper"], "decontaminate": {"against": benchmarks, **parameters}}
    return dj_assets.run_recipe(recipe, [samples], output, workers=1, overwrite=True), recipe


def rows(result, query: str) -> list[tuple]:
    with duckdb.connect(str(result.database), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_contaminated_samples_are_dropped_and_explained(samples, benchmarks, tmp_path):
    result, recipe = run(samples, tmp_path / "out", benchmarks)
    assert rows(result, "SELECT id, reason, value FROM dropped ORDER BY row") == [
        ("copied", "shares n-grams with folder", 5.0),
        ("half", "shares n-grams with folder", 1.0),
        ("table", "shares n-grams with planets", 3.0),
    ]
    layout = Layout.output(tmp_path / "out")
    (trace,) = explain(make_plan(load_recipe(recipe)), layout, result.manifest, "copied")
    for part in ("contamination_document = riddles.json:0", "A FARMER HAS SEVENTEEN", "fails"):
        assert part in trace.steps[-1].summary
    page = layout.report.read_text()
    assert "p-1" in page
    assert "A FARMER HAS SEVENTEEN" in page

    # a threshold is judged again, nothing is measured; other content of a benchmark is measured
    measured = layout.measured("stats", 0)
    written = measured.stat().st_mtime_ns
    judged, _ = run(samples, tmp_path / "out", benchmarks, max_ratio=0.8)
    assert rows(judged, "SELECT id FROM dropped ORDER BY row") == [("copied",), ("table",)]
    assert measured.stat().st_mtime_ns == written
    (tmp_path / "planets.csv").write_text("id,prompt\np-1,Which planets?\n")
    changed, _ = run(samples, tmp_path / "out", benchmarks)
    assert rows(changed, "SELECT id FROM dropped ORDER BY row") == [("copied",), ("half",)]
    assert measured.stat().st_mtime_ns != written


def test_errors_come_before_data_is_read(samples, tmp_path):
    with pytest.raises(RecipeError, match=r"decontamination_filter: against: is required; name a file"):
        run(samples, tmp_path / "out", [])
    with pytest.raises(SourceError, match=r"nowhere: no such file or folder"):
        run(samples, tmp_path / "out", str(tmp_path / "nowhere"))
    broken = tmp_path / "broken.jsonl"
    broken.write_text("{oh\n")
    with pytest.raises(SourceError, match=r"broken.jsonl: .* at line 1"):
        run(samples, tmp_path / "out", str(broken))
    assert not (tmp_path / "out" / "refined").exists()
