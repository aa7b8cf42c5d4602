"""Optional packages: one checked import each, with the line that installs what is missing."""

from __future__ import annotations

import importlib.util

from dj_assets.errors import UserError


def require(package: str, extra: str) -> None:
    """Check that an optional package is installed, without importing it.

    Raises
    ------
    UserError
        With the command that installs it.
    """
    if importlib.util.find_spec(package) is None:
        raise UserError(f"Please install {package}: pip install 'dj_assets[{extra}]'")
