"""Which run is published in a folder, as its files tell it: readers notice a newer one that is moved into place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from dj_assets.home.layout import Layout

# Device, number and time of a file: another file in the same place has others.
_Identity = tuple[int, int, int] | None


@dataclass(frozen=True)
class Publication:
    """Hold what the published files of a folder are; two are equal if no run was published between them.

    The database is the first file that a newer run replaces. A mix has none: its refined folder is replaced.
    """

    database: _Identity
    refined: _Identity

    @classmethod
    def of(cls, layout: Layout) -> Self:
        """Return the publication of a folder as it is now."""
        # the file that is replaced last is looked at first: what is equal twice was equal in between
        refined = _identity(layout.refined)
        return cls(_identity(layout.database), refined)


def _identity(path: Path) -> _Identity:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns
