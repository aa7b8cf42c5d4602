"""Fetch a published version from an object store into a folder of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dj_assets.errors import UserError
from dj_assets.home.json_files import read_json, write_json
from dj_assets.home.layout import Layout
from dj_assets.media.made import FOLDER, path_in_folder
from dj_assets.stores.document_records import Stored
from dj_assets.stores.store import each

# File that names the run of the files in the folder.
MARK = "fetched.json"


@dataclass(frozen=True)
class Fetched:
    """Hold the number of files in the folder, and their bytes."""

    files: int
    bytes: int


def fetch(layout: Layout, run_id: str, folder: Path) -> Fetched:
    """Fetch the newest version of a subset, with the media that operators made.

    Files of the same run in the folder are not fetched again.

    Raises
    ------
    UserError
        If the subset is on this machine, or the folder contains other files.
    """
    copy = layout.copy
    if copy is None:
        raise UserError(f"{layout.location}: is on this machine; there is nothing to fetch")
    known = read_json(folder / MARK)
    if folder.exists() and any(folder.iterdir()) and (known or {}).get("run_id") != run_id:
        raise UserError(f"{folder}: holds other files; choose a new folder")
    write_json(folder / MARK, {"run_id": run_id, "place": layout.location})
    # media that operators made have the same names in every version
    made = {key: Stored(key, facts.size) for key, facts in copy.store.listing(FOLDER).items() if path_in_folder(key)}
    wanted = {**made, **copy.published()}
    left = [
        name
        for name, stored in wanted.items()
        if not ((folder / name).is_file() and (folder / name).stat().st_size == stored.bytes)
    ]
    each(lambda name: copy.store.download(wanted[name].key, folder / name), left)
    return Fetched(len(wanted), sum(stored.bytes for stored in wanted.values()))
