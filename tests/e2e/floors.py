"""Check the lowest versions that pyproject.toml allows: `python -m tests.e2e.floors`.

`uv` resolves the direct requirements to their lowest versions. The wheel is installed with these under this Python, and
used as in `tests.e2e.matrix`. Then it is resolved together with packages that people have in the same environment;
their newest versions must fit, and nothing of them is installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from tests.e2e.matrix import FOLDER, Python, built, checked, uv
from tests.paths import ROOT

# Packages that must resolve with ours, each with the oldest version that counts as new.
NEIGHBOURS = ("vllm>=0.33", "pyiceberg>=0.12", "mlflow>=3.17")


THIS = f"{sys.version_info[0]}.{sys.version_info[1]}"


def resolved(
    requirements: list[str],
    out: Path,
    *options: str,
    version: str = THIS,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> bool:
    """Resolve requirements for a Python; print the reason if there is no solution."""
    out.parent.mkdir(parents=True, exist_ok=True)
    wanted = out.with_suffix(".in")
    wanted.write_text("\n".join(requirements) + "\n")
    command = [uv(), "pip", "compile", "--quiet", "--no-header", "--python-version", version, *options, wanted]
    environment = os.environ | variables
    done = subprocess.run([*command, "-o", out], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr[-2000:])
    return done.returncode == 0


def main() -> int:
    """Check the lowest versions and the neighbours; return 1 if one fails."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    direct, out = list(project["dependencies"]), FOLDER / "resolved"
    failed = []
    for neighbour in NEIGHBOURS:
        fits = resolved([*direct, neighbour], out / f"{neighbour.partition('>')[0]}.txt")
        print(f"with {neighbour}: {'ok' if fits else 'FAILED'}", flush=True)
        failed += [] if fits else [neighbour]
    if not resolved(direct, out / "lowest.txt", "--resolution", "lowest-direct"):
        return 1
    python = Python("floors", Path(sys.executable))
    failed += [] if checked(python, built(), out / "lowest.txt") else ["lowest versions"]
    print(f"{len(NEIGHBOURS) + 1 - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
