"""Resolve the product with all extras for other systems, from wheels alone: `python -m tests.e2e.platforms`.

Nothing is installed. The extra `kenlm` is left out, which has no wheels for some systems, and so is Python 3.14 on
macOS, where Dagster needs a package without one.
"""

from __future__ import annotations

import sys
import tomllib

from tests.e2e.floors import resolved
from tests.e2e.matrix import FOLDER, NOT_YET, SUPPORTED
from tests.paths import ROOT

# Each with what uv calls it, and the versions of Python for which all packages have wheels.
PLATFORMS = {
    "x86_64-manylinux_2_28": (*SUPPORTED, *NOT_YET),
    "aarch64-manylinux_2_28": (*SUPPORTED, *NOT_YET),
    "aarch64-apple-darwin": SUPPORTED,
}
LEFT_OUT = {"dev", "kenlm"}
# uv takes macOS 13 otherwise
VARIABLES = {"MACOSX_DEPLOYMENT_TARGET": "14.0"}


def main() -> int:
    """Resolve for all systems; return 1 if one has no solution."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(one for name in extras if name not in LEFT_OUT for one in extras[name])]
    failed = 0
    for platform, versions in PLATFORMS.items():
        for version in versions:
            options = ("--python-platform", platform, "--only-binary", ":all:")
            out = FOLDER / f"resolved/{platform}-{version}.txt"
            fits = resolved(wanted, out, *options, version=version, variables=VARIABLES)
            print(f"{platform}, Python {version}: {'ok' if fits else 'FAILED'}", flush=True)
            failed += not fits
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
