"""Run the steps of docs/deploy/Dockerfile without Docker, and use the result as a user without rights.

`python -m tests.e2e.image [FOLDER]`, as root: installs into FOLDER, by default a temporary one, then runs commands as
another user for whom everything but one folder is read-only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from tests.paths import ROOT

NOBODY = 65534
DEPLOY = ROOT / "docs/deploy"
COMMANDS = (
    ["dj-assets", "validate", "c4"],
    ["dj-assets", "run", "c4", "--input", "sample:c4", "--output", "{data}/out", "--limit", "100"],
    ["dj-assets", "demo", "demo_process"],
    ["python", "-c", "from dj_assets.definitions import defs; print(len(list(defs.resolve_all_asset_specs())))"],
)


def _become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def _python() -> Path:
    """Return the first `python3` on the path that the user without rights can run, too: one below /root is none."""
    code = "import sys; sys.exit(sys.version_info < (3, 11))"
    for folder in os.environ["PATH"].split(os.pathsep):
        program = Path(folder) / "python3"
        try:
            done = subprocess.run([program, "-c", code], preexec_fn=_become_nobody, capture_output=True, check=False)
        except OSError:
            continue
        if not done.returncode:
            return program
    sys.exit("no python3 of 3.11 or newer on the path that a user without rights can run")


def main() -> int:
    """Install and use; return 1 if a command fails or writes where it may not."""
    given = Path(sys.argv[1]).resolve() if sys.argv[1:] else Path(tempfile.mkdtemp(prefix="image-"))
    given.mkdir(parents=True, exist_ok=True)
    given.chmod(0o755)
    environment, project, data = given / "dj_assets", given / "project", given / "data"
    began, python = time.monotonic(), _python()
    print(f"python: {python}")
    search = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DJ_", "DAGSTER_"))
    }
    install = ["sh", str(DEPLOY / "install.sh"), str(ROOT), str(environment), str(project), "postgres"]
    subprocess.run(install, check=True, env={**inherited, "PATH": search})
    print(f"installed in {time.monotonic() - began:.0f} s")
    # the instance of the layout needs its database, which is not here: runs are kept in files
    instance = data / "dagster"
    instance.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "dagster_home/dagster.yaml", instance)
    for path in (data, instance):
        os.chown(path, NOBODY, NOBODY)
    variables = {
        "PATH": f"{environment / 'bin'}{os.pathsep}{search}",
        "DJ_PROJECT": str(project),
        "DJ_HOME": str(data / "dj_home"),
        "DAGSTER_HOME": str(instance),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    mark = time.time()
    failed = 0
    for command in COMMANDS:
        words = [word.format(data=data) for word in command]
        done = subprocess.run(
            words, cwd=project, env=variables, preexec_fn=_become_nobody, capture_output=True, text=True, check=False
        )
        failed += done.returncode != 0
        said = (done.stdout.strip() or done.stderr.strip() or "-").splitlines()
        print(f"{' '.join(command[:3])}: {'FAILED' if done.returncode else 'ok'}: {said[-1]}")
        if done.returncode:
            print(done.stdout[-2000:], done.stderr[-4000:])
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]
    programs = {service["command"][0] for service in services.values() if "command" in service}
    absent = sorted(name for name in programs if not (environment / "bin" / name).exists())
    written = [path for path in environment.rglob("*") if path.lstat().st_mtime > mark]
    print(f"programs of compose.yaml: {', '.join(sorted(programs - {*absent}))}; absent: {absent or 'none'}")
    print(f"written into the environment: {[*map(str, written[:5])] or 'nothing'}")
    return int(bool(failed or absent or written))


if __name__ == "__main__":
    sys.exit(main())
