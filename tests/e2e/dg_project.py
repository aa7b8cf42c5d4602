"""Check a project of `dg` that has the component: `python -m tests.e2e.dg_project`.

The project is made in `build/matrix`, with the wheel and `dagster-dg-cli` in an environment of its own: a component in
YAML with one recipe, and an asset of the user's downstream of it. `dg check yaml`, `dg check defs` and `dg list` must
pass, and a wrong attribute must be found. `dg launch` materializes both on the multiprocess executor, and a browser
sees them in the UI of `dg dev`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.browser.chromium import opened_page
from tests.browser.server import free_port, serving
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

import dagster as dg


@dg.definitions
def defs():
    own = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
    return dg.Definitions.merge(own, dg.Definitions(executor=dg.multiprocess_executor))
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
asset: {subset: notes, group: mine, source: {path: sample:c4}}
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
        ("RUN_SUCCESS", "launch", "--assets", "*"),
    ):
        failed += not _passes(venv, folder, command, said)
    failed += not _seen(venv, folder)
    component = folder / "src/host/defs/corpora/defs.yaml"
    component.write_text(component.read_text().replace("owners:", "ownerz:"))
    failed += not _passes(venv, folder, ["check", "yaml"], "ownerz", code=1)
    print(f"{8 - failed} passed, {failed} failed")
    return 1 if failed else 0


def _seen(venv: Path, folder: Path) -> bool:
    """Return whether the UI of `dg dev` shows the refined subset and what is downstream of it, both up to date."""
    from playwright.sync_api import expect

    port = free_port()
    command = [venv / "bin/dg", "dev", "--port", str(port)]
    with serving(command, port, folder, _variables(venv, folder)) as server, opened_page() as page:
        statuses = server.stale_statuses()
        page.goto(f"{server.url}/assets/lake/mine/notes?view=overview", wait_until="domcontentloaded")
        expect(page.get_by_text("retention", exact=True).first).to_be_visible()
    wanted = {"lake/mine/notes", "report"}
    well = {name for name in wanted if statuses.get(name) == "FRESH"} == wanted
    print(f"dg dev, in the browser: {'ok' if well else f'FAILED: {statuses}'}", flush=True)
    return well


def _variables(venv: Path, folder: Path) -> dict[str, str]:
    """Return the environment variables of a command in the project, with an instance of its own."""
    home = folder / ".home"
    home.mkdir(exist_ok=True)
    return environment(venv) | {"HOME": str(home), "DAGSTER_HOME": str(home), "COLUMNS": "300"}


def _passes(venv: Path, folder: Path, command: list[str], said: str, code: int = 0) -> bool:
    """Run a command of `dg`; print it, and its output if it is not as expected."""
    done = subprocess.run(
        [venv / "bin/dg", *command],
        cwd=folder,
        env=_variables(venv, folder),
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
