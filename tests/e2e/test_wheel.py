"""The wheel in an empty environment: a user without rights on site-packages, an empty folder, an empty home."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kernel_set import kernel_set
from tests.paths import ROOT

# What a wheel is built from.
SOURCES = (
    "dj_assets", "recipes", "dagster_home", "examples", "pyproject.toml", "setup.py", "README.md", "LICENSE",
    "THIRD_PARTY.md",
)  # fmt: skip
OWN = "process:\n  - whitespace_normalization_mapper:\n  - text_length_filter: {min_len: 100}\n"
SPECS = (
    "from dj_assets.definitions import defs\n"
    "print(*sorted(spec.key.to_user_string() for spec in defs.resolve_all_asset_specs()))"
)
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1


def without_override() -> None:
    """Take from root, too, the right to write into folders that cannot be written."""
    if os.geteuid() == 0 and ctypes.CDLL(None, use_errno=True).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


@dataclass(frozen=True)
class Installed:
    """A virtual environment with the wheel, and the home and the current folder of its user."""

    venv: Path
    site: Path
    home: Path
    folder: Path

    def run(self, *command: str, code: int = 0, cwd: str = ".", home: str | None = None) -> str:
        """Run a program of the environment; return what it wrote."""
        environment = {"PATH": f"{self.venv}/bin:/usr/bin:/bin", "HOME": home or str(self.home), "COLUMNS": "200"}
        done = subprocess.run(
            [self.venv / "bin" / command[0], *command[1:]],
            check=False,
            capture_output=True,
            text=True,
            env=environment,
            cwd=self.folder / cwd,
            preexec_fn=without_override,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def listing(self) -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in self.site.rglob("*")}


def built(source: Path, out: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--wheel-dir", out, source], check=True)
    (wheel,) = out.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what a clone has: a build leaves files in its folder."""
    source = tmp_path_factory.mktemp("source")
    ignored = shutil.ignore_patterns("__pycache__", "compiled")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, source / name)
    return source


@pytest.fixture(scope="module")
def plain_wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of a clone."""
    return built(source, tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def wheel(source: Path, plain_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel with compiled kernels, as `make wheel` does, in a folder in which one was built before."""
    made = kernel_set()
    shutil.copytree(made, source / made.relative_to(ROOT))
    return built(source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Iterator[Installed]:
    """Install the wheel where the dependencies of this interpreter are seen, without its editable dj_assets."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    python = venv / "bin/python"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", python]
    # pip would take a checkout in PYTHONPATH for an installed version, and install nothing
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    install = [*pip, "install", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL, env=environment)
    (site,) = venv.glob("lib/python3.*/site-packages")
    # a path that a .pth file adds is searched last, and its own .pth files are not read
    (site / "dependencies.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n")
    made = Installed(venv, site, tmp_path / "home", tmp_path / "folder")
    made.folder.mkdir()
    made.home.mkdir()
    paths = [site, *site.rglob("*")]
    for path in paths:
        path.chmod(path.stat().st_mode & ~0o222)
    yield made
    for path in paths:
        path.chmod(path.stat().st_mode | 0o200)


def test_the_wheel_of_a_clone_holds_the_recipes_and_no_compiled_kernel(plain_wheel: Path) -> None:
    names = zipfile.ZipFile(plain_wheel).namelist()
    recipes = {str(path.relative_to(ROOT)) for path in (ROOT / "recipes").rglob("*.yaml")}
    assert len(recipes) > 30
    prefix = "dj_assets/included/"
    copied = {name.removeprefix(prefix) for name in names if name.startswith(prefix)}
    assert copied == recipes | {"dagster_home/dagster.yaml", "examples/sandbox/hook.yaml", "examples/sandbox/train.py"}
    assert {name.rpartition("/")[2] for name in names if "/licenses/" in name} == {"LICENSE", "THIRD_PARTY.md"}
    assert not [name for name in names if name.endswith((".nbi", ".nbc", ".pyc"))]


def test_a_user_installs_the_wheel_into_an_empty_environment(installed: Installed) -> None:
    before = installed.listing()
    assert installed.run("python", "-c", "import dj_assets; print(dj_assets.__file__)").startswith(str(installed.site))

    assert "PermissionError" in installed.run("python", "-c", f"open('{installed.site}/written', 'w')", code=1)

    line = installed.run("dj-assets", "funnel", "c4", code=2)
    assert line.startswith(f"error: {installed.folder}: is in no project; 'dj-assets init' makes one here, or ")
    assert line.count("\n") == 1
    installed.run("dj-assets", "init")
    (installed.folder / "recipes/mine").mkdir()
    (installed.folder / "recipes/mine/long.yaml").write_text(OWN)
    listed = json.loads(installed.run("dj-assets", "config", "--json", cwd="recipes/mine"))
    assert {s["name"]: s["value"] for s in listed}["DJ_HOME"] == str(installed.folder / "data_home")

    assert "15 operators, all well, 1 file" in installed.run("dj-assets", "validate", "c4")
    shown = installed.run("dj-assets", "demo", "demo_process", cwd="recipes")
    assert "demo/demo_process  186    6" in shown
    ran = ("run", "recipes/mine/long.yaml", "--input", "sample:c4", "--output", "out", "--limit", "50")
    assert "text_length_filter" in installed.run("dj-assets", *ran, "--workers", "1")
    # no folder can be written, and kernels need none
    ran = ("run", "c4", "--input", "sample:c4", "--output", "out_c4", "--limit", "10")
    first = installed.run("dj-assets", *ran, "--workers", "2", home="/nonexistent")
    assert "redpajama/c4: 10 in = 9 kept + 1 dropped" in first
    assert "compiled" not in first
    keys = installed.run("python", "-c", SPECS).split()
    assert len(keys) > 100
    assert {"redpajama/c4", "mine/long", "llava/llava_pretrain"} <= set(keys)

    assert installed.listing() == before
    assert not list(installed.home.rglob("*.nbi"))
    assert {path.name for path in installed.folder.iterdir()} == {
        ".gitignore", "README.md", "dagster_home", "data_home", "dj_assets.yaml", "out", "out_c4", "recipes",
        "sources.yaml", "workspace.yaml",
    }  # fmt: skip
