"""The example of docs/writing_operators.md, run as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.paths import ROOT

PAGE = (ROOT / "docs/writing_operators.md").read_text("utf-8")
FILES = dict(re.findall(r"^```\w+ title=(\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
COMMANDS = [
    line for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL) for line in block.splitlines()
]


def run(command: str, folder: Path) -> str:
    """Run a command of the page in a folder, with this interpreter."""
    program, _, arguments = command.partition(" ")
    module = {"dj-assets": ["dj_assets.cli"], "pytest": ["pytest", "-q", "--rootdir=."]}[program]
    done = subprocess.run(
        [sys.executable, "-m", *module, *arguments.split()],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"COLUMNS": "200", "PYTHONPATH": str(ROOT)},
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_example_runs_as_written(tmp_path: Path) -> None:
    new, *others = COMMANDS
    assert [command.split()[:2] for command in others] == [
        ["pytest", "operators"],
        ["dj-assets", "operators"],
        ["dj-assets", "validate"],
        ["dj-assets", "run"],
    ]
    run(new, tmp_path)
    assert {path.name for path in (tmp_path / "operators").iterdir()} == {"exclaim_filter.py", "test_exclaim_filter.py"}
    for name, content in FILES.items():
        if name != "check":
            (tmp_path / name).write_text(content, "utf-8")
    tested, checked, validated, refined = [run(command, tmp_path) for command in others]
    assert "2 passed" in tested
    assert checked == FILES["check"]
    assert "1 operator, all well" in validated
    assert "2 in = 1 kept + 1 dropped + 0 quarantined" in refined
