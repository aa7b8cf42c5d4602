"""Notices about names that custom operators of earlier versions use. The names go with version 1.0."""

from __future__ import annotations

import warnings


def moved(old: str, new: str) -> None:
    """Warn the importer of a module that it has another path now."""
    warnings.warn(f"{old} is deprecated; import from {new}", FutureWarning, stacklevel=3)


def renamed(old: str, new: str) -> None:
    """Warn the caller of a name that it has another name now."""
    warnings.warn(f"{old} is deprecated; use {new}", FutureWarning, stacklevel=3)
