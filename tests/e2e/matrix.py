"""Install the wheel under every Python that is found, and use it: `python -m tests.e2e.matrix [--pythons 3.12 3.13]`.

The list of interpreters is made first; one that is absent is a printed line. Each gets an environment in
`build/matrix`, which is kept: the next call installs only what has changed. The tests run in a folder without the
checkout, so that they import the installed package.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.browser.server import free_port, serving
from tests.paths import ROOT

SUPPORTED = ("3.11", "3.12", "3.13")
NOT_YET = ("3.14",)
FOLDER = ROOT / "build/matrix"
# Tests that need no extra and nothing of the checkout: all kernels, the replay, files on disk, recipes.
TESTS = (
    "tests/kernels", "tests/replay", "tests/home", "tests/recipe/test_load.py",
    "tests/test_system.py", "tests/test_subset.py",
)  # fmt: skip
# These need Pillow or the library of KenLM, which are extras.
WITHOUT = ("--ignore", "tests/kernels/test_resampling.py", "--ignore", "tests/kernels/test_plain.py")
TEST_PACKAGES = ("pytest", "pytest-xdist", "hypothesis")


@dataclass(frozen=True)
class Python:
    """An interpreter with its minor version."""

    version: str
    program: Path

    def venv(self) -> Path:
        """Return the folder of its environment."""
        return FOLDER / self.version


def found(wanted: Sequence[str]) -> Iterator[Python]:
    """Yield the interpreters of this machine; print a line for each version that is absent."""
    for version in wanted:
        programs = [shutil.which(f"python{version}"), *_of_pyenv(version)]
        program = next((Path(program) for program in programs if program and _runs(program, version)), None)
        if program is None:
            print(f"Python {version}: absent")
        else:
            print(f"Python {version}: {program}")
            yield Python(version, program)


def _of_pyenv(version: str) -> list[str]:
    folder = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    return sorted(str(path) for path in folder.glob(f"{version}.*/bin/python{version}"))


def _runs(program: str, version: str) -> bool:
    """Return whether a program is this Python: one of pyenv's links may stand for a version that is not chosen."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([program, "-c", code], capture_output=True, text=True, check=False).stdout.strip() == version


def uv() -> Path:
    """Return the program `uv`, installed in a folder of its own."""
    folder = FOLDER / "uv"
    if not (folder / "bin/uv").exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", folder]
        subprocess.run([*pip, "uv"], check=True)
    return folder / "bin/uv"


def built() -> Path:
    """Build the wheel of the checkout, with the compiled kernels that it has."""
    out = FOLDER / "wheel"
    shutil.rmtree(out, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--wheel-dir", out, ROOT], check=True)
    (wheel,) = out.glob("*.whl")
    return wheel


def checked(python: Python, wheel: Path, constraint: Path | None) -> bool:
    """Install the wheel under a Python and use it; print what was done, and return whether all went well."""
    venv = python.venv()
    if not (venv / "bin/python").exists():
        subprocess.run([uv(), "venv", "--quiet", "--python", python.program, venv], check=True)
    bounds = ["--constraint", str(constraint)] if constraint else []
    install = [uv(), "pip", "install", "--quiet", "--python", venv / "bin/python", *bounds]
    # a wheel of the same version is not installed again otherwise
    again = ["--reinstall-package", "dj_assets"]
    started = time.monotonic()
    steps = [("install", [*install, *again, *TEST_PACKAGES, str(wheel)])]
    folder = FOLDER / f"{python.version}-project"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "tests", folder / "checks/tests")
    shutil.copy(ROOT / "pyproject.toml", folder / "checks")
    count = "from dj_assets.definitions import defs; print(len(list(defs.resolve_all_asset_specs())))"
    run = ["run", "c4", "--input", "sample:c4", "--output", "out", "--limit", "100", "--workers", "2"]
    steps += [
        ("init", [venv / "bin/dj-assets", "init"]),
        ("validate", [venv / "bin/dj-assets", "validate", "c4"]),
        ("demo", [venv / "bin/dj-assets", "demo", "demo_process"]),
        ("run", [venv / "bin/dj-assets", *run]),
        ("definitions", [venv / "bin/python", "-c", count]),
        ("tests", [venv / "bin/python", "-m", "pytest", "-n", "2", "-q", "-p", "no:cacheprovider", *WITHOUT, *TESTS]),
    ]
    installed: set[Path] = set()
    for name, command in steps:
        cwd = folder / "checks" if name == "tests" else folder
        done = subprocess.run(command, cwd=cwd, env=environment(venv), capture_output=True, text=True, check=False)
        last = (done.stdout.strip() or "-").splitlines()[-1]
        ended = "FAILED" if done.returncode else "ok"
        print(f"  {name}: {ended}, {time.monotonic() - started:.0f} s: {last}", flush=True)
        if done.returncode:
            print(done.stdout[-4000:] + done.stderr[-4000:])
            return False
        if name == "install":
            installed = _files(venv)
        if name == "definitions":
            print(f"  dev: {_specs(venv, folder)} assets in the UI, {time.monotonic() - started:.0f} s", flush=True)
    written = sorted(map(str, _files(venv) - installed))
    print(f"  {_result(folder)}; written into the environment: {written[:5] or 'nothing'}")
    return not written


def _files(venv: Path) -> set[Path]:
    """Return the files of an environment, without the byte code that the interpreter keeps."""
    return {path for path in venv.rglob("*") if "__pycache__" not in path.parts}


def _specs(venv: Path, folder: Path) -> int:
    """Start `dj-assets dev` in a project; return the number of assets that its UI shows."""
    port = free_port()
    command = [venv / "bin/dj-assets", "dev", "--port", str(port)]
    with serving(command, port, folder, environment(venv)) as server:
        return len(server.stale_statuses())


def environment(venv: Path) -> dict[str, str]:
    """Return the environment variables of a program of a virtual environment."""
    kept = ("HOME", "LANG", "PIP_CONFIG_FILE", "SSL_CERT_FILE", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
    named = {name: os.environ[name] for name in kept if name in os.environ}
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return {**named, **pip, "PATH": f"{venv}/bin:/usr/local/bin:/usr/bin:/bin", "COLUMNS": "200"}


def _result(folder: Path) -> str:
    run = json.loads((folder / "out/run.json").read_text())
    return "c4: " + ", ".join(f"{run[name]} {name}" for name in ("samples_in", "samples_out", "dropped", "quarantined"))


def main() -> int:
    """Check all Pythons; return 1 if one failed or none was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pythons", nargs="+", default=[*SUPPORTED, *NOT_YET])
    parser.add_argument("--constraint", type=Path, default=ROOT / "requirements.lock")
    arguments = parser.parse_args()
    pythons = list(found(arguments.pythons))
    wheel = built()
    print(f"wheel: {wheel.name}, {wheel.stat().st_size / 1e6:.1f} MB")
    passed = {}
    for python in pythons:
        print(f"Python {python.version}", flush=True)
        passed[python.version] = checked(python, wheel, arguments.constraint)
    print(f"{sum(passed.values())} passed, {len(passed) - sum(passed.values())} failed")
    return 0 if passed and all(passed.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
