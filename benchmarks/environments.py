"""Environments of other programs, one each under build/, made by pip on the first use."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class PipError(Exception):
    """An environment could not be made; the message has the arguments of pip and the folder."""


def environment(name: str, packages: Iterable[str]) -> Path:
    """Return the interpreter of build/`name`; where the folder is missing, make it and install the packages.

    Raises
    ------
    PipError
        If pip fails; the environment is made again on the next call.
    """
    python = ROOT / "build" / name / "bin" / "python"
    done = python.parents[1] / "installed.txt"
    wanted = "\n".join(packages)
    if not (done.exists() and done.read_text("utf-8") == wanted):
        print(f"making {python.parents[1]}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=True)
        pip(python, "install", *wanted.splitlines())
        done.write_text(wanted, "utf-8")
    return python


def pip(python: Path, *arguments: str) -> None:
    """Run pip in the environment of an interpreter.

    Raises
    ------
    PipError
        If it fails.
    """
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "-q", *arguments]
    if subprocess.run(command, check=False).returncode:
        raise PipError(f"pip {' '.join(arguments)} failed in {python.parents[1]}")
