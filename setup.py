"""Copy the folders at the top of the repository that belong to the product into the wheel; see pyproject.toml."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
# `dj_assets.included` finds them: here in a checkout, in the folder `included` of the package in a wheel.
INCLUDED = ("recipes/**/*.*", "dagster_home/dagster.yaml", "examples/sandbox/*.*")


class BuildWithIncluded(build_py):
    """Copy the modules and data of the package, and the included folders."""

    def run(self) -> None:
        """Copy everything; an editable install reads the folders where they are."""
        # what an earlier build left would be in the wheel
        if not self.editable_mode:
            shutil.rmtree(self._target(), ignore_errors=True)
            shutil.rmtree(self._target().parent / "kernels/compiled", ignore_errors=True)
        super().run()
        if self.editable_mode:
            return
        for name in _included():
            target = self._target() / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)

    def get_source_files(self) -> list[str]:
        """Return the files that a source archive holds."""
        return [*super().get_source_files(), *_included()]

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:  # noqa: FBT001
        """Return the files that are installed."""
        copied = [] if self.editable_mode else [str(self._target() / name) for name in _included()]
        return [*super().get_outputs(include_bytecode), *copied]

    def _target(self) -> Path:
        return Path(self.build_lib) / "dj_assets" / "included"


def _included() -> list[str]:
    files = [path.relative_to(ROOT) for pattern in INCLUDED for path in ROOT.glob(pattern) if path.is_file()]
    return sorted(file.as_posix() for file in files if "__pycache__" not in file.parts)


setup(cmdclass={"build_py": BuildWithIncluded})
