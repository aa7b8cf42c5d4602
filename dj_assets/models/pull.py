"""Getting models and checking them: download with checksum, verification, and the list of what is here."""

from __future__ import annotations

import difflib
import hashlib
import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dj_assets.errors import DjError, MissingModelError, UserError
from dj_assets.models.manifest import Manifest, ModelEntry, manifest
from dj_assets.models.store import DEMO, DEMO_LICENCE, ModelFile, ModelStore

CHECKSUMS = "checksums.json"
_CHUNK_BYTES = 1024 * 1024
_TIMEOUT_S = 60
_PERMANENT = range(400, 500)
Checksum = Literal["ok", "recorded", "unknown", "differs", "-"]


class PullError(DjError):
    """A model could not be downloaded, or what came is not what was published. Nothing was kept."""


@dataclass(frozen=True)
class ModelRow:
    """One line of the list of models.

    `checksum` is `ok` (as published), `recorded` (as at the first pull), `unknown` (a file that was put there by hand
    and has no published checksum), `differs`, or `-` (not compared, or nothing to compare).
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
        """Whether the file is not the one that was published or first pulled."""
        return self.checksum == "differs"


def pull(name: str, folder: Path, *, models: Manifest | None = None, pauses_s: Sequence[float] = (1, 5)) -> Path:
    """Download a model into a folder, unless it is there already with the right checksum.

    The file appears under its name only when it is whole and its checksum is that of the manifest; where the manifest
    has none, that of the first pull, which `checksums.json` in the folder keeps.

    Parameters
    ----------
    pauses_s
        Seconds to wait before each further attempt.

    Returns
    -------
    The path that operators are given: the file, or the folder that holds it where the model is named like a folder.

    Raises
    ------
    UserError
        If the manifest has no such model.
    PullError
        If it cannot be downloaded, or its checksum differs.
    """
    entry = _entry(name, models or manifest())
    target = folder / entry.saved_as
    expected = entry.sha256 or _recorded(folder).get(entry.saved_as)
    if not (target.is_file() and _file_sha256(target) == expected):
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            found = _download(entry, part, pauses_s)
            _accept(entry, found, expected)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        if entry.sha256 is None:
            _record(folder, entry.saved_as, found)
    return folder / name


def verify(store: ModelStore, *, models: Manifest | None = None) -> list[ModelRow]:
    """Compare the checksum of every model that is on the search path; models that are missing are left out."""
    rows = [_row(entry, store, compare=True) for entry in (models or manifest()).models]
    return [row for row in rows if row.path]


def listing(store: ModelStore, *, models: Manifest | None = None) -> list[ModelRow]:
    """Return every model of the manifest and whether it is here. Checksums are not computed: files have gigabytes."""
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


def _download(entry: ModelEntry, part: Path, pauses_s: Sequence[float]) -> str:
    """Try every address, then again after each pause; return the checksum of what came."""
    problem = ""
    for pause_s in (0.0, *pauses_s):
        time.sleep(pause_s)
        for url in entry.urls:
            try:
                return _stream(url, part)
            except urllib.error.HTTPError as error:
                problem = f"{url} answered {error.code} {error.reason}"
                if error.code in _PERMANENT:
                    raise PullError(f"{entry.name}: {problem}") from error
            except (OSError, http.client.HTTPException) as error:
                problem = f"{url}: {getattr(error, 'reason', error)}"
    by_hand = f"without network, put the file {entry.saved_as} into a folder that DJ_MODELS names"
    raise PullError(f"{entry.name}: cannot be downloaded ({problem}); {by_hand}")


def _stream(url: str, part: Path) -> str:
    checksum = hashlib.sha256()
    received_bytes = 0
    # The addresses are those of the manifest, never of the data.
    with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response, part.open("wb") as file:  # noqa: S310
        while chunk := response.read(_CHUNK_BYTES):
            checksum.update(chunk)
            received_bytes += file.write(chunk)
        announced = response.headers.get("Content-Length")
    if announced is not None and received_bytes != int(announced):
        raise ConnectionError(f"the connection broke after {received_bytes} of {announced} bytes")
    return checksum.hexdigest()


def _accept(entry: ModelEntry, found: str, expected: str | None) -> None:
    if expected is not None and found != expected:
        whose = "the published one" if entry.sha256 else "the one recorded at the first pull"
        raise PullError(f"{entry.name}: its checksum {found} is not {whose}, {expected}; nothing was kept")


def _row(entry: ModelEntry, store: ModelStore, *, compare: bool) -> ModelRow:
    used_by = ", ".join(entry.used_by)
    try:
        found = store.find(entry.name)
    except MissingModelError:
        return ModelRow(entry.name, "missing", "-", entry.licence, entry.size, used_by)
    licence = DEMO_LICENCE if found.note == DEMO else entry.licence
    checksum = _compared(entry, found, store) if compare else "-"
    return ModelRow(entry.name, _state(found), checksum, licence, entry.size, used_by, str(found.path))


def _state(found: ModelFile) -> str:
    if not found.note:
        return "found"
    return "embedded demo" if found.note == DEMO else "embedded"


def _compared(entry: ModelEntry, found: ModelFile, store: ModelStore) -> Checksum:
    if found.note:
        return "-"
    wanted = Path(entry.saved_as).name
    file = found.path / wanted if found.path.is_dir() else found.path
    recorded = next((known for folder in store.folders if (known := _recorded(folder).get(entry.saved_as))), None)
    expected = entry.sha256 or recorded
    # The checksum is that of the model itself, not of another file that answers in its place.
    if expected is None or file.name != wanted:
        return "unknown"
    if _file_sha256(file) != expected:
        return "differs"
    return "ok" if entry.sha256 else "recorded"


def _recorded(folder: Path) -> dict[str, str]:
    path = folder / CHECKSUMS
    return (
        {name: known["sha256"] for name, known in json.loads(path.read_text("utf-8")).items()} if path.exists() else {}
    )


def _record(folder: Path, saved_as: str, sha256: str) -> None:
    path = folder / CHECKSUMS
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    known[saved_as] = {"sha256": sha256, "standing": "recorded at the first pull"}
    part = path.with_name(f".{CHECKSUMS}.{os.getpid()}.part")
    part.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", "utf-8")
    part.replace(path)


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
