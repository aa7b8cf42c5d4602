"""Optional packages: one checked import each, with the line that installs what is missing."""

from __future__ import annotations

import importlib.util

from dj_assets.errors import UserError


def installed(package: str) -> bool:
    """Tell whether a package can be imported, without importing it."""
    return importlib.util.find_spec(package) is not None


def require(package: str, extra: str) -> None:
    """Check that an optional package is installed, without importing it.

    Raises
    ------
    UserError
        With the command that installs it.
    """
    if not installed(package):
        raise UserError(f"Please install {package}: pip install 'dj_assets[{extra}]'")
