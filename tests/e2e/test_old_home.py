"""A data home and an output folder of an earlier version: read as they are, and refined again without a wrong result.

The earlier version is revision 972c933; `tests/fixtures/home_972c933/make.py` says how they were made. The manifests
are JSON and name source files by absolute paths. A home that stayed where it was is made by writing the folder of the
test in their place; one that was moved to another folder keeps the old paths.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.fixtures.home_972c933.make import (
    ARCHIVE,
    CHANGED,
    LINES_FILE,
    NOTES_FILE,
    RUNS,
    STORED,
    published,
    replace_in,
    results,
)
from tests.paths import ROOT

RECIPES = {"notes": NOTES_FILE, "out": LINES_FILE}
# A line such as this must appear where what was measured cannot be used again.
MEASURED_AGAIN = re.compile(
    r"^.*\bmeasur\w*\b.*\bagain\b.*$|^.*\bagain\b.*\bmeasur\w*\b.*$", re.IGNORECASE | re.MULTILINE
)
OWN_SETTINGS = ("DJ_", "DAGSTER_HOME")


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    """A project whose data home was moved from another folder."""
    project = tmp_path / "project"
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(project, filter="data")
    (project / "dagster_home").mkdir()
    shutil.copy(ROOT / "dagster_home/dagster.yaml", project / "dagster_home")
    return project


@pytest.fixture
def project(moved: Path) -> Path:
    """The same project in the folder where it was made."""
    for path in [*moved.glob("data_home/**/*.json"), *moved.glob("out/**/*.json")]:
        path.write_text(path.read_text("utf-8").replace(str(STORED), str(moved)), "utf-8")
    return moved


def cli(project: Path, *arguments: str) -> str:
    """Run a command in the project and return what it printed; it must succeed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OWN_SETTINGS)}
    settings = {"DJ_PROJECT": str(project), "DJ_HOME": str(project / "data_home"), "COLUMNS": "200"}
    command = [sys.executable, "-m", "dj_assets.cli", *arguments]
    python_path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = kept | settings | {"PYTHONPATH": python_path}
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=environment, cwd=project, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def expected(project: Path, state: str, name: str) -> dict:
    return json.loads((project / "expected.json").read_text("utf-8"))[state][name]


def measured_files(project: Path, name: str) -> dict[str, int]:
    """Return when every measured file of samples was written, in nanoseconds."""
    work = published(project, name) / (".dj" if name == "out" else "")
    kinds = ("cleaned", "fields", "stats", "signatures", "rejects")
    return {str(path): path.stat().st_mtime_ns for kind in kinds for path in (work / kind).iterdir()}


def run_ids(project: Path, name: str) -> list[str]:
    work = published(project, name) / (".dj" if name == "out" else "")
    return sorted((path.stem for path in (work / "runs").glob("*.json")), reverse=True)


@pytest.mark.parametrize("name", ["notes", "out"])
def test_the_fixture_is_what_was_published(moved, name):
    assert results(published(moved, name)) == expected(moved, "stored", name)


@pytest.mark.parametrize(("home", "name"), [("project", "notes"), ("project", "out"), ("moved", "notes")])
def test_finished_runs_are_read(request, home, name):
    project = request.getfixturevalue(home)
    stored = expected(project, "stored", name)
    shown = cli(project, "funnel", name).splitlines()
    for operator, samples_in, samples_out, dropped, quarantined, _ in stored["funnel"]:
        (line,) = (line.split() for line in shown if operator in line.split())
        assert line[2:6] == [str(samples_in), str(samples_out), str(dropped), str(quarantined)]
    listed = [line.split()[0] for line in cli(project, "runs", name).splitlines()[1:]]
    assert listed == run_ids(project, name)
    assert len(listed) == (2 if name == "out" else 1)
    cli(project, "verify", name)
    assert results(published(project, name)) == stored


@pytest.mark.parametrize("name", ["notes", "out"])
def test_a_flipped_byte_is_found(project, name):
    work = published(project, name) / (".dj" if name == "out" else "")
    damaged = bytearray((work / "stats/00001.parquet").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (work / "stats/00001.parquet").write_bytes(damaged)
    with pytest.raises(AssertionError, match=r"00001\.parquet"):
        cli(project, "verify", name)


@pytest.mark.parametrize("name", ["notes", "out"])
def test_outcomes_of_samples_are_explained(project, name):
    stored = expected(project, "stored", name)
    filtered = next(row for row in stored["dropped"] if row[3] is not None)
    duplicate = next(row for row in stored["dropped"] if row[4] is not None and row[4] != filtered[0])
    refused = stored["quarantine"][0]
    for sample, operator, reason in (filtered[:3], duplicate[:3], refused):
        shown = " ".join(cli(project, "explain", name, "--id", sample).split())
        assert f"{sample}: " in shown
        assert operator in shown
        assert reason in shown
    kept, _ = stored["kept"][0]
    assert " dropped by " not in cli(project, "explain", name, "--id", kept)


def test_two_old_runs_are_compared(project):
    shown = cli(project, "diff", "out")
    assert "min_len 10 → 60" in shown
    newest, _ = run_ids(project, "out")
    assert newest in shown


@pytest.mark.parametrize("name", ["notes", "out"])
def test_the_same_recipe_gives_the_same_result(project, name):
    before, ids = measured_files(project, name), run_ids(project, name)
    shown = cli(project, *RUNS[name])
    assert results(published(project, name)) == expected(project, "stored", name)
    if measured_files(project, name) != before:
        assert MEASURED_AGAIN.search(shown), shown
    else:
        assert run_ids(project, name) == ids


@pytest.mark.parametrize("name", ["notes", "out"])
def test_a_changed_threshold_gives_what_the_old_version_gave(project, name):
    before = measured_files(project, name)
    replace_in(project / RECIPES[name], *CHANGED[name])
    shown = cli(project, *RUNS[name])
    assert results(published(project, name)) == expected(project, "changed", name)
    if measured_files(project, name) != before:
        assert MEASURED_AGAIN.search(shown), shown
    cli(project, "verify", name)
    ids = run_ids(project, name)
    assert len(ids) == (3 if name == "out" else 2)
    threshold = CHANGED[name][1].rpartition(" ")[2]
    assert f"→ {threshold}" in cli(project, "diff", name)


@pytest.mark.parametrize("name", ["notes", "out"])
def test_a_moved_home_gives_what_the_old_version_gave(moved, name):
    replace_in(moved / RECIPES[name], *CHANGED[name])
    cli(moved, *RUNS[name])
    assert results(published(moved, name)) == expected(moved, "changed", name)
    cli(moved, "verify", name)
