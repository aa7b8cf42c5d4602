"""Check a project of `dg` that has the component: `python -m tests.e2e.dg_project`.

The project is made in `build/matrix`, with the wheel and `dagster-dg-cli` in an environment of its own: a component in
YAML with one recipe, and an asset of the user's downstream of it. `dg check yaml`, `dg check defs` and `dg list` must
pass, and a wrong attribute must be found.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.e2e.matrix import FOLDER, built, environment, uv
from tests.paths import ROOT

PROJECT = """
[project]
name = "host"
version = "0.1.0"
requires-python = ">=3.11"

[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[tool.setuptools.packages.find]
where = ["src"]

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "host"
"""
DEFINITIONS = """
from pathlib import Path

from dagster import definitions, load_from_defs_folder


@definitions
def defs():
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
COMPONENT = """
type: dj_assets.dagster.RecipesComponent
attributes:
  recipes: [notes.yaml]
  key_prefix: [lake]
  owners: ["team:data"]
"""
DOWNSTREAM = """
import dagster as dg


@dg.asset(deps=[dg.AssetKey(["lake", "mine", "notes"])])
def report() -> None:
    pass
"""
RECIPE = """
asset: {subset: notes, group: mine, source: {path: notes.jsonl}}
process:
  - text_length_filter: {min_len: 10}
"""


def written(folder: Path) -> None:
    """Write the project."""
    shutil.rmtree(folder, ignore_errors=True)
    files = {
        "pyproject.toml": PROJECT,
        "dj_assets.yaml": "",
        "src/host/__init__.py": "",
        "src/host/definitions.py": DEFINITIONS,
        "src/host/defs/__init__.py": "",
        "src/host/defs/corpora/defs.yaml": COMPONENT,
        "src/host/defs/corpora/notes.yaml": RECIPE,
        "src/host/defs/report.py": DOWNSTREAM,
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content.lstrip("\n"), "utf-8")


def main() -> int:
    """Make the environment and the project, and run the checks; return 1 if one fails."""
    venv, folder = FOLDER / "dg", FOLDER / "dg-project"
    written(folder)
    if not (venv / "bin/python").exists():
        subprocess.run([uv(), "venv", "--quiet", "--python", sys.executable, venv], check=True)
    install = [uv(), "pip", "install", "--quiet", "--python", venv / "bin/python"]
    lock = ["--constraint", ROOT / "requirements.lock", "--reinstall-package", "dj_assets"]
    subprocess.run([*install, *lock, built(), "dagster-dg-cli>=1.13,<1.14"], check=True)
    subprocess.run([*install, "--no-deps", "--editable", folder], check=True)
    failed = 0
    for said, *command in (
        ("dj_assets.dagster.RecipesComponent", "list", "components"),
        ("", "check", "yaml"),
        ("", "check", "defs"),
        ("lake/mine/notes", "list", "defs"),
        ("report", "list", "defs"),
    ):
        failed += not _passes(venv, folder, command, said)
    component = folder / "src/host/defs/corpora/defs.yaml"
    component.write_text(component.read_text().replace("owners:", "ownerz:"))
    failed += not _passes(venv, folder, ["check", "yaml"], "ownerz", code=1)
    print(f"{6 - failed} passed, {failed} failed")
    return 1 if failed else 0


def _passes(venv: Path, folder: Path, command: list[str], said: str, code: int = 0) -> bool:
    """Run a command of `dg`; print it, and its output if it is not as expected."""
    home = folder / ".home"
    home.mkdir(exist_ok=True)
    done = subprocess.run(
        [venv / "bin/dg", *command],
        cwd=folder,
        env=environment(venv) | {"HOME": str(home), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )
    well = done.returncode == code and said in done.stdout + done.stderr
    print(f"dg {' '.join(command)}: {'ok' if well else 'FAILED'}", flush=True)
    if not well:
        print(done.stdout[-3000:] + done.stderr[-3000:])
    return well


if __name__ == "__main__":
    sys.exit(main())
