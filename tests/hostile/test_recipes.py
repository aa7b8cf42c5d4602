"""Recipes that name paths where names belong, and code where data belong: one line, and nothing is run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import orc

from dj_assets.errors import DjError
from dj_assets.recipe.load import load_recipe
from dj_assets.subset import run_recipe
from tests.media import made
from tests.paths import ROOT

PATHS = ["../x", "/x", "a/b", "..", ".", "", "a\0b", "a\nb", "~", "~root", "-x", "a\\b", "%2e%2e", "C:x", "\u202ex"]
BLOCK = {"subset": "notes", "group": "mine", "source": {"paths": "data"}}


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("key", ["subset", "group", "source of another subset"])
def test_names_are_no_paths(tmp_path: Path, key: str, name: str) -> None:
    changed: dict[str, Any] = {"source": {"subset": name}} if key.startswith("source") else {key: name}
    path = tmp_path / "recipe.yaml"
    path.write_text(json.dumps({"asset": {**BLOCK, **changed}, "process": ["document_deduplicator"]}))
    with pytest.raises(DjError) as error:
        load_recipe(path)
    assert str(error.value).startswith(str(path))
    assert "\0" not in str(error.value)


def test_modules_in_the_current_folder_are_not_imported(tmp_path: Path) -> None:
    """Data may be there that somebody else made: neither the workers nor the process that decodes takes them."""
    names = ["json", "struct", "socket", "numpy", "pyarrow", "numba", "psutil", "PIL", "av", "dj_assets"]
    for name in names:
        (tmp_path / f"{name}.py").write_text(CODE.format(mark=str(tmp_path / "MARK")) + "raise SystemExit('hostile')\n")
    made.image(tmp_path / "a.png")
    (tmp_path / "in.jsonl").write_text('{"text": "A text with a picture.", "images": ["a.png"]}\n')
    orc.write_table(pa.table({"text": ["Another text."]}), tmp_path / "in.orc")
    (tmp_path / "recipe.yaml").write_text("process:\n  - text_length_filter:\n  - image_shape_filter:\n")
    # as an installed command, which does not look for modules in the current folder
    code = "import sys; from dj_assets.cli import main; sys.argv[0] = 'dj-assets'; main()"
    command = [sys.executable, "-P", "-c", code, "run", "recipe.yaml", "--input", "in.jsonl", "in.orc"]
    path = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "--output", "out", "--workers", "1"],
        cwd=tmp_path,
        env=os.environ | path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, " 2 in = 2 kept" in done.stdout) == (0, True), done.stdout + done.stderr
    assert not (tmp_path / "MARK").exists()


CODE = "import pathlib; pathlib.Path({mark!r}).touch()\n"


@pytest.mark.parametrize(
    "step",
    [
        "os.system",
        "../evil.py",
        "evil",
        {"text_length_filter": {"min_len": "__import__('os').system('touch MARK')"}},
        {"text_length_filter": {"__class__": "evil"}},
        {"specified_field_filter": {"field_key": "__class__.__init__.__globals__", "target_value": ["x"]}},
        {"remove_repeat_sentences_mapper": {"tokenizer": "lambda text: open('MARK', 'w')"}},
        {"suffix_filter": {"suffixes": ["'); COPY (SELECT 1) TO 'MARK'; --"]}},
        {"specified_numeric_field_filter": {"field_key": "n'); COPY (SELECT 1) TO 'MARK'; --", "min_value": 1}},
    ],
)
def test_a_recipe_runs_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: object) -> None:
    mark = tmp_path / "MARK"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.py").write_text(CODE.format(mark=str(mark)))
    (tmp_path / "in.jsonl").write_text('{"text": "A text.", "n": 1}\n')
    process = json.loads(json.dumps([step]).replace("MARK", str(mark)))
    try:
        run_recipe({"process": process}, ["in.jsonl"], tmp_path / "out", workers=1)
    except DjError as error:
        assert "Traceback" not in str(error)
    assert not mark.exists()
