"""Damaged files: told in one line with the cure, before a library stumbles over them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dj_assets.errors import DamagedError

_MAGIC = b"PAR1"


def is_whole_parquet(path: Path) -> bool:
    """Return whether a Parquet file is there to its end; what lies between is checked by who reads it."""
    try:
        with path.open("rb") as file:
            file.seek(-len(_MAGIC), 2)
            return file.read() == _MAGIC
    except OSError:
        return False


def require_whole(files: Iterable[Path], cure: str) -> None:
    """Raise for the first Parquet file that is missing or cut off.

    Raises
    ------
    DamagedError
        Naming the file and the cure.
    """
    for path in files:
        if not is_whole_parquet(path):
            raise DamagedError(f"{path}: is {'damaged' if path.exists() else 'missing'}; {cure}")
