"""Preferences of people: tasks are exported, answers are read, and other answers measure the samples again."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import dj_assets
from dj_assets.cli.app import app
from dj_assets.errors import UserError

PROCESS = [{"human_preference_annotation_mapper": {"wait_for_annotations": True, "api_key": "…", "result_key": "r"}}]
RECIPE = {"process": PROCESS, "text_keys": "prompt"}


def run(folder: Path) -> list[tuple[str, str | None, str | None]]:
    records = [{"prompt": f"p{n}", "answer1": f"a{n}", "answer2": f"b{n}", "other": [n]} for n in range(4)]
    (folder / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    dj_assets.run_recipe(RECIPE, [folder / "in.jsonl"], folder / "out", workers=1, overwrite=True)
    rows = [row for path in sorted((folder / "out/refined").glob("*")) for row in pq.read_table(path).to_pylist()]
    return [(row["prompt"], row["chosen"], row["rejected"]) for row in rows]


def annotation(selected: str | None, **more: object) -> dict[str, object]:
    result = [{"type": "pairwise", "value": {"selected": selected}}] if selected else []
    return {"result": result, **more}


def test_exported_tasks_come_back_with_preferences(tmp_path, monkeypatch):
    monkeypatch.delenv("DJ_LABEL_STUDIO", raising=False)
    assert run(tmp_path) == [(f"p{n}", None, None) for n in range(4)]
    exported = CliRunner().invoke(
        app, ["export", str(tmp_path / "out"), "--output", str(tmp_path / "tasks"), "--format", "label_studio"]
    )
    assert exported.exit_code == 0, exported.output
    [part] = (file for file in (tmp_path / "tasks").glob("*.json") if file.name != "manifest.json")
    tasks = json.loads(part.read_text())
    assert {"prompt": "p2", "answer1": "a2", "answer2": "b2"}.items() <= tasks[2]["data"].items()
    assert "other" not in tasks[2]["data"]

    answers = [
        [annotation("right"), annotation("left"), annotation("right", was_cancelled=True)],
        [annotation("answer2")],
        [annotation(None)],
        [],
    ]
    file = tmp_path / "answers.json"
    file.write_text(json.dumps([{**task, "annotations": given} for task, given in zip(tasks, answers, strict=True)]))
    monkeypatch.setenv("DJ_LABEL_STUDIO", str(file))
    wanted = [("p0", "a0", "b0"), ("p1", "b1", "a1"), ("p2", None, None), ("p3", None, None)]
    assert run(tmp_path) == wanted
    file.write_text(json.dumps([{**tasks[3], "annotations": [annotation("left")]}]))
    assert run(tmp_path)[3] == ("p3", "a3", "b3")
    file.write_text("{}")
    with pytest.raises(UserError, match="is no list of tasks"):
        run(tmp_path)


def test_validate_has_a_line_where_no_preferences_are_given(tmp_path, monkeypatch):
    monkeypatch.delenv("DJ_LABEL_STUDIO", raising=False)
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(json.dumps(RECIPE))
    shown = CliRunner().invoke(app, ["validate", str(recipe)])
    assert shown.exit_code == 0
    assert "human_preference_annotation_mapper: no preferences are given" in shown.output
