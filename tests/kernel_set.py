"""The set of compiled kernels of this checkout, which set-up makes; where it is stale, it is compiled first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from filelock import FileLock

from dj_assets.kernels import shipped
from tests.paths import ROOT

MODULES = ROOT / "dj_assets/kernels"


def kernel_set() -> Path:
    """Return the folder of a complete set."""
    folder = shipped.folder(MODULES)
    folder.parent.mkdir(exist_ok=True)
    with FileLock(folder.parent.parent / "__pycache__/set.lock"):
        subprocess.run([sys.executable, "-m", "dj_assets.reference.compiled_kernels"], check=True, cwd=ROOT)
    return folder
