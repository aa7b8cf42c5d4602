"""Folders that the library `datasets` of Hugging Face saves: Arrow files, and JSON files that describe them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import orjson

from dj_assets.errors import SourceError
from dj_assets.stores.path import SourcePath

Path = TypeVar("Path", bound=SourcePath)

_STATE, _INFO, _DICT = "state.json", "dataset_info.json", "dataset_dict.json"
_MOST_BYTES = 1 << 24


def without_descriptions(paths: Sequence[Path]) -> list[Path]:
    """Return the files of a folder without those that describe saved data sets; their order stays.

    A file describes a data set if it has one of the names that `save_to_disk` gives, and Arrow files are next to it, or
    below it for the splits of a `DatasetDict`.

    Raises
    ------
    SourceError
        If a saved data set lacks a file, or selects rows by an index that only its own library applies.
    """
    folders = {path.parent for path in paths if path.suffix == ".arrow"}
    above = {folder.parent for folder in folders}
    names = {path.name for path in paths}
    if not folders or not names & {_STATE, _INFO, _DICT}:
        return list(paths)
    for path in paths:
        if path.name == _STATE and path.parent in folders:
            _require_whole(path, {other.name for other in paths if other.parent == path.parent})
    return [path for path in paths if not _describes(path, folders, above)]


def _describes(path: SourcePath, folders: set[Path], above: set[Path]) -> bool:
    if path.name == _DICT:
        return path.parent in above
    return path.name in {_STATE, _INFO} and path.parent in folders


def _require_whole(state: SourcePath, present: set[str]) -> None:
    """Raise if the files that a state names are not all there, or if it names an index."""
    try:
        with state.open("rb") as file:
            content = orjson.loads(file.read(_MOST_BYTES) or b"")
        listed = [str(entry["filename"]) for entry in content["_data_files"]]
        indexed = bool(content.get("_indices_data_files"))
    except (ValueError, KeyError, TypeError, AttributeError):
        # a file of this name that is no state
        return
    lacking = sorted(set(listed) - present)
    if lacking:
        raise SourceError(f"{state.parent}: the saved data set lacks {lacking[0]}, which {_STATE} names; save it again")
    if indexed:
        fix = "save it again after flatten_indices()"
        raise SourceError(f"{state.parent}: the saved data set selects its rows by an index, which is not read; {fix}")
