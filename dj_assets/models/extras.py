"""Check optional packages before they are imported; the error has the command that installs a missing one."""

from __future__ import annotations

import importlib.util

from dj_assets.errors import UserError


def installed(package: str) -> bool:
    """Return whether a package can be imported, without importing it."""
    return importlib.util.find_spec(package) is not None


def require(package: str, extra: str) -> None:
    """Check that an optional package is installed, without importing it.

    Raises
    ------
    UserError
        If it is not installed; the message has the command that installs it.
    """
    if not installed(package):
        raise UserError(f"Please install {package}: pip install 'dj_assets[{extra}]'")
