"""Code of recipes: it runs only with permission, and rewrites the text only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

import dj_assets
from dj_assets.errors import RecipeError
from dj_assets.models.store import ModelStore
from dj_assets.operators.batch import Batch
from dj_assets.operators.text.python_file_mapper import PythonFileMapper
from dj_assets.operators.text.python_lambda_mapper import PythonLambdaMapper
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan

UPPER = "lambda sample: {**sample, 'content': sample['content'].upper() + str(sample['n'])}"


def run(tmp_path: Path, entry: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return the refined texts, and the reasons of the quarantined samples."""
    source = tmp_path / "a.jsonl"
    source.write_text("".join(json.dumps({"content": text, "n": n}) + "\n" for n, text in enumerate(["a", "", "b"])))
    recipe = {"text_keys": "content", "process": [entry]}
    done = dj_assets.run_recipe(recipe, [source], tmp_path / "out", workers=1, format="jsonl", overwrite=True)
    lines = (line for part in sorted((done.folder / "refined").glob("*.jsonl")) for line in part.open())
    reasons = pq.read_table(done.folder / "quarantine.parquet").column("error").to_pylist()
    return [json.loads(line)["content"] for line in lines], reasons


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJ_ALLOW_CODE", "1")


def test_code_does_not_run_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DJ_ALLOW_CODE", raising=False)
    (tmp_path / "code.py").write_text(
        f"open({str(tmp_path / 'ran')!r}, 'w')\ndef process_single(sample): return sample"
    )
    for entry in (
        {"python_lambda_mapper": {"lambda_str": f"lambda s: open({str(tmp_path / 'ran')!r}, 'w') and s"}},
        {"python_file_mapper": {"file_path": str(tmp_path / "code.py")}},
    ):
        with pytest.raises(RecipeError, match="runs Python code of the recipe; if you trust it, set DJ_ALLOW_CODE=1"):
            run(tmp_path, entry)
    assert not (tmp_path / "ran").exists()


@pytest.mark.usefixtures("allowed")
def test_a_lambda_sees_all_fields_and_rewrites_the_text(tmp_path: Path) -> None:
    assert run(tmp_path, {"python_lambda_mapper": {"lambda_str": UPPER}}) == (["A0", "1", "B2"], [])
    batched = "lambda batch: {**batch, 'content': [text + '!' for text in batch['content']]}"
    assert run(tmp_path, {"python_lambda_mapper": {"lambda_str": batched, "batched": True}})[0] == ["a!", "!", "b!"]


@pytest.mark.usefixtures("allowed")
def test_a_function_of_a_file_and_its_new_version(tmp_path: Path) -> None:
    code = tmp_path / "code.py"
    entry = {"python_file_mapper": {"file_path": str(code), "function_name": "twice"}}
    code.write_text("def twice(sample):\n    sample['content'] *= 2\n    return sample\n")
    assert run(tmp_path, entry)[0] == ["aa", "", "bb"]
    code.write_text("def twice(sample):\n    sample['content'] *= 3\n    return sample\n")
    assert run(tmp_path, entry)[0] == ["aaa", "", "bbb"]


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("lambda s: {**s, 'n': 1}", "the function changed 'n', but only the text can be rewritten"),
        ("lambda s: s['content']", "the function returned str, not a dict"),
        ("lambda s: {'n': s['n']}", "the function returned no text under 'content'"),
        ("lambda s: s if s['content'] else 1 / 0", "division by zero"),
    ],
)
def test_a_sample_that_the_code_cannot_do_is_quarantined(tmp_path: Path, code: str, reason: str) -> None:
    texts, reasons = run(tmp_path, {"python_lambda_mapper": {"lambda_str": code}})
    assert len(texts) + len(reasons) == 3
    assert reason in reasons[0]


@pytest.mark.usefixtures("allowed")
def test_a_missing_file_is_an_error_before_any_data_is_read(tmp_path: Path) -> None:
    plan = make_plan(load_recipe({"process": [{"python_file_mapper": {"file_path": "gone.py"}}]}))
    with pytest.raises(RecipeError, match=r"'gone.py' is no Python file in "):
        plan.models(ModelStore())


@pytest.mark.parametrize("code", ["1", "lambda: 1", "lambda a, b: a", "import os", "lambda s:"])
def test_only_a_lambda_of_one_argument_is_code(code: str) -> None:
    with pytest.raises(ValidationError, match="is no "):
        PythonLambdaMapper(lambda_str=code)


def test_without_code_texts_stay() -> None:
    batch = Batch.of_texts(["a", ""])
    assert PythonLambdaMapper().apply(batch) is batch
    assert PythonFileMapper().apply(batch) is batch
