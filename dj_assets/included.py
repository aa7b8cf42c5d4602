"""Find the files that the product brings along: recipes, the settings of Dagster, an example, and the sample data.

In a checkout they are folders at the top of the repository. When a wheel is built, `setup.py` copies them into the
package.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from dj_assets.errors import SourceError

PACKAGE = Path(__file__).resolve().parent
_COPIED = PACKAGE / "included"
_SAMPLE = "sample:"
# The ending of a sample can be left out of its name.
_ENDINGS = ("", ".jsonl.gz", ".jsonl")


def checkout() -> Path | None:
    """Return the checkout that the package is imported from; None for an installed wheel."""
    root = PACKAGE.parent
    return root if not _COPIED.is_dir() and (root / "dagster_home" / "dagster.yaml").is_file() else None


def included(name: str) -> Path:
    """Return the path of an included folder or file, such as `recipes` or `dagster_home/dagster.yaml`."""
    return (_COPIED if _COPIED.is_dir() else PACKAGE.parent) / name


def samples_folder() -> Path:
    """Return the folder of the included sample data."""
    return PACKAGE / "samples"


def is_sample(location: object) -> bool:
    """Return whether a location names included sample data, such as `sample:c4`."""
    return str(location).startswith(_SAMPLE)


def sample_path(location: str) -> Path:
    """Return the file or folder of a sample, such as `sample:c4` or `sample:llava/captions.json`.

    Raises
    ------
    SourceError
        If there is no such sample; the message names the nearest one.
    """
    name = location.removeprefix(_SAMPLE)
    found = [samples_folder() / f"{name}{ending}" for ending in _ENDINGS]
    path = next((path for path in found if path.exists()), None)
    if not name or path is None or not Path(os.path.abspath(path)).is_relative_to(samples_folder()):  # noqa: PTH100
        near = difflib.get_close_matches(name, sample_names(), n=1, cutoff=0.0)
        raise SourceError(f"{location}: there is no such sample; did you mean '{_SAMPLE}{near[0]}'?")
    return path


def sample_names() -> list[str]:
    """Return the names of the samples that are one file of records or one folder."""
    paths = [path for path in samples_folder().iterdir() if not path.name.startswith((".", "_"))]
    files = [path.name for path in paths if path.name.endswith((".jsonl.gz", ".jsonl"))]
    folders = [path.name for path in paths if path.is_dir()]
    return sorted([name.partition(".")[0] for name in files] + folders)
