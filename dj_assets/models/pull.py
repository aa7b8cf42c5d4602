"""Get models and check them: download with checksum, verification, and the list of available models."""

from __future__ import annotations

import difflib
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dj_assets.errors import MissingModelError, UserError
from dj_assets.models.checksums import CHECKSUMS, file_sha256, record, recorded
from dj_assets.models.download import GoneError, PullError, download, unfinished
from dj_assets.models.manifest import Manifest, ModelEntry, ModelPart, manifest
from dj_assets.models.store import DEMO, DEMO_LICENCE, ModelFile, ModelStore

__all__ = ["CHECKSUMS", "ModelRow", "PullError", "listing", "pull", "verify"]

Checksum = Literal["ok", "recorded", "unknown", "differs", "-"]
_WORST_FIRST: tuple[Checksum, ...] = ("differs", "unknown", "recorded", "ok")


@dataclass(frozen=True)
class ModelRow:
    """Hold one line of the list of models.

    `checksum` is `ok` (as published), `recorded` (as at the first pull), `unknown` (a file that was added manually and
    has no published checksum), `differs`, or `-` (not compared, or nothing to compare).
    """

    name: str
    state: str
    checksum: Checksum
    licence: str
    size: str
    used_by: str
    path: str = ""

    @property
    def differs(self) -> bool:
        """Return whether the file differs from the one that was published or first pulled."""
        return self.checksum == "differs"


def pull(name: str, folder: Path, *, models: Manifest | None = None, pauses_s: Sequence[float] = (1, 5)) -> Path:
    """Download a model into a folder, unless the folder has it with the right checksum.

    A file gets its name only when it is complete and its checksum equals that of the manifest; if the manifest has
    none, that of the first pull, which is stored in `checksums.json` in the folder. A checkpoint has several files; the
    first one that cannot be downloaded ends the pull, and earlier files are kept.

    Parameters
    ----------
    pauses_s
        Seconds to wait before each further attempt.

    Returns
    -------
    The path that operators use: the file, or the folder that holds it if the model is named like a folder.

    Raises
    ------
    UserError
        If the manifest has no such model.
    PullError
        If it cannot be downloaded, or its checksum differs.
    """
    entry = _entry(name, models or manifest())
    if entry.archive:
        _pull_archive(entry, folder, pauses_s)
    else:
        for alternatives in entry.parts():
            _pull_one_of(alternatives, folder, pauses_s)
    return folder / name


def verify(store: ModelStore, *, models: Manifest | None = None) -> list[ModelRow]:
    """Compare the checksum of every model on the search path; missing models are left out."""
    rows = [_row(entry, store, compare=True) for entry in (models or manifest()).models]
    return [row for row in rows if row.path]


def listing(store: ModelStore, *, models: Manifest | None = None) -> list[ModelRow]:
    """Return every model of the manifest and whether it is available; checksums of large files are not computed."""
    return [_row(entry, store, compare=False) for entry in (models or manifest()).models]


def _entry(name: str, models: Manifest) -> ModelEntry:
    entry = models.entry(name)
    if entry is not None and entry.command:
        raise UserError(f"{name} is not pulled; get it with: {entry.how_to_get}")
    if entry is None or not entry.urls:
        near = difflib.get_close_matches(name, [known.name for known in models.models if known.urls], n=1)
        hint = f"did you mean {near[0]!r}?" if near else "'dj-assets models list' shows those that can be pulled"
        raise UserError(f"no model {name!r} to pull; {hint}")
    return entry


def _pull_one_of(alternatives: Sequence[ModelPart], folder: Path, pauses_s: Sequence[float]) -> None:
    """Download the first of several alternative files that exists."""
    for part in alternatives[:-1]:
        try:
            return _pull(part, folder, pauses_s)
        except GoneError:
            continue
    return _pull(alternatives[-1], folder, pauses_s)


def _pull(part: ModelPart, folder: Path, pauses_s: Sequence[float]) -> None:
    target = folder / part.saved_as
    expected = part.sha256 or recorded(folder).get(part.saved_as)
    if target.is_file() and file_sha256(target) == expected:
        return
    with unfinished(target) as path:
        checksum = download(part.saved_as, part.urls, path, pauses_s)
        if expected is not None and checksum != expected:
            whose = "the published one" if part.sha256 else "the one recorded at the first pull"
            raise PullError(f"{part.saved_as}: its checksum {checksum} is not {whose}, {expected}; nothing was kept")
        path.replace(target)
    if part.sha256 is None:
        record(folder, {part.saved_as: checksum})


def _pull_archive(entry: ModelEntry, folder: Path, pauses_s: Sequence[float]) -> None:
    """Download a zip file and keep its part below the model's name."""
    known = recorded(folder)
    here = {name: sha256 for name, sha256 in known.items() if name.startswith(f"{entry.name}/")}
    if here and all((folder / name).is_file() and file_sha256(folder / name) == here[name] for name in here):
        return
    with unfinished(folder / f"{entry.name}.zip") as path:
        download(entry.name, entry.urls, path, pauses_s)
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if _inside(name, entry.name)]
            if not names:
                raise PullError(f"{entry.name}: the archive {entry.urls[0]} has no folder of that name")
            for name in names:
                _unpack(archive, name, folder / name)
    record(folder, {name: file_sha256(folder / name) for name in names})


def _inside(name: str, folder: str) -> bool:
    return name.startswith(f"{folder}/") and not name.endswith("/") and ".." not in name.split("/")


def _unpack(archive: zipfile.ZipFile, name: str, target: Path) -> None:
    with unfinished(target) as path:
        with archive.open(name) as packed, path.open("wb") as file:
            shutil.copyfileobj(packed, file)
        path.replace(target)


def _row(entry: ModelEntry, store: ModelStore, *, compare: bool) -> ModelRow:
    used_by = ", ".join(entry.used_by)
    try:
        model = store.find(entry.name)
    except MissingModelError:
        return ModelRow(entry.name, "missing", "-", entry.licence, entry.size, used_by)
    licence = DEMO_LICENCE if model.note == DEMO else entry.licence
    checksum = _compared(entry, model, store) if compare else "-"
    return ModelRow(entry.name, _state(model), checksum, licence, entry.size, used_by, str(model.path))


def _state(model: ModelFile) -> str:
    if not model.note:
        return "found"
    return "embedded demo" if model.note == DEMO else "embedded"


def _compared(entry: ModelEntry, model: ModelFile, store: ModelStore) -> Checksum:
    if model.note:
        return "-"
    known: dict[str, str] = {}
    for folder in reversed(store.folders):
        known |= recorded(folder)
    names = [name for name in known if name.startswith(f"{entry.name}/")] if entry.several else [entry.saved_as]
    standings = {_standing(entry, model.path, name, known.get(name)) for name in names}
    return next((standing for standing in _WORST_FIRST if standing in standings), "unknown")


def _standing(entry: ModelEntry, path: Path, name: str, recorded_sha256: str | None) -> Checksum:
    wanted = Path(name).relative_to(entry.name) if entry.several else Path(Path(name).name)
    file = path / wanted if path.is_dir() else path
    expected = entry.sha256 or recorded_sha256
    # The checksum is that of the model itself, not of another file that substitutes for it.
    if expected is None or file.name != wanted.name:
        return "unknown"
    if not file.is_file() or file_sha256(file) != expected:
        return "differs"
    return "ok" if entry.sha256 else "recorded"
