"""Where tests find what lies outside of the tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def shared() -> Path:
    """Return the folder of specifications and expected outputs beside the project; skip where it is absent."""
    folder = ROOT.parent / "shared"
    if not folder.exists():
        if os.environ.get("CI"):
            pytest.fail("CI has the material beside the project, but ../shared is absent")
        pytest.skip("needs ../shared")
    return folder
