"""Write the files of a new project; a file that exists is never changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dj_assets.errors import UserError
from dj_assets.included import checkout, included
from dj_assets.project import MARK

_MARK = """\
# This folder is a project of dj-assets: commands find it from every folder below it.
# With `gallery: false`, only your own recipes are assets, and not those that dj-assets includes.
gallery: true
"""
_SOURCES = """\
# The raw files of subsets. Without an entry, a recipe of the gallery reads its sample data.
# c4: /data/c4/*.json.gz
# arxiv: [/data/arxiv/2023, s3://bucket/arxiv/2024]
{}
"""
_WORKSPACE = """\
load_from:
  - python_module:
      module_name: dj_assets.definitions
      location_name: dj_assets
"""
_IGNORED = """\
/data_home/
/dagster_home/*
!/dagster_home/dagster.yaml
"""
_README = """\
# A project of dj-assets

* `recipes/<group>/<subset>.yaml`: your own recipes; each becomes an asset after *Reload definitions*.
* `sources.yaml`: the raw files of subsets, such as `c4: /data/c4/*.json.gz`.
* `data_home/`: results, statistics and downloaded models; `dagster_home/`: the runs of Dagster.
* `dj_assets.yaml`: marks the project; with `gallery: false`, the included recipes are left out.

`dj-assets demo c4` refines a subset on sample data, `dj-assets dev` starts the UI, `dj-assets --help` lists
all commands.
"""


@dataclass(frozen=True)
class NewProject:
    """Hold the folder of a project, the files that were written, and those that existed and were not changed."""

    folder: Path
    written: tuple[str, ...]
    kept: tuple[str, ...]


def write_project(folder: Path) -> NewProject:
    """Write the files of a project that a folder does not have yet.

    Raises
    ------
    UserError
        If the folder is the checkout, which is a project already, or if a file cannot be written.
    """
    if folder.resolve() == checkout():
        raise UserError(f"{folder}: is a checkout of dj-assets, and a project as it is; name another folder")
    files = {
        MARK: _MARK,
        "recipes/.gitkeep": "",
        "sources.yaml": _SOURCES,
        "dagster_home/dagster.yaml": included("dagster_home/dagster.yaml").read_text("utf-8"),
        "workspace.yaml": _WORKSPACE,
        ".gitignore": _IGNORED,
        "README.md": _README,
    }
    written = []
    for name, text in files.items():
        try:
            if _write_new(folder / name, text):
                written.append(name)
        except OSError as error:
            raise UserError(f"{folder / name}: cannot be written: {error.strerror or error}") from None
    return NewProject(folder, tuple(written), tuple(name for name in files if name not in written))


def _write_new(path: Path, text: str) -> bool:
    """Write a file; return False if it exists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True
