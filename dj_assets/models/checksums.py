"""Store the checksums of pulled files in the same folder: `checksums.json`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from dj_assets.models.download import unfinished

CHECKSUMS = "checksums.json"


def recorded(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file pulled into a folder, keyed by its path in the folder."""
    path = folder / CHECKSUMS
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return {name: entry["sha256"] for name, entry in known.items()}


def record(folder: Path, checksums: Mapping[str, str]) -> None:
    """Store the checksums of further files."""
    known = {**recorded(folder), **checksums}
    content = {name: {"sha256": sha256, "standing": "recorded at the first pull"} for name, sha256 in known.items()}
    path = folder / CHECKSUMS
    with unfinished(path) as part:
        part.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", "utf-8")
        part.replace(path)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
