"""Records of the documents in a store, as this machine saw them last: a small file for each, in the working copy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dj_assets.stores.atomic import temporary_beside
from dj_assets.stores.store import ListedObject

# Marks a folder as a working copy.
FOLDER = ".objects"
_KEY = "objects"


@dataclass(frozen=True)
class Stored:
    """Hold a data file in the store: its key, and its bytes."""

    key: str
    bytes: int


@dataclass(frozen=True)
class DocumentRecord:
    """Hold a document in the state in which store and working copy were equal.

    `facts` is its entry in the listing, `content` is the SHA-256 of the local file, `objects` are its data files, keyed
    by their paths in the folder.
    """

    facts: ListedObject
    content: str
    objects: Mapping[str, Stored] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, document: str) -> DocumentRecord | None:
        """Return the record of a document; None if there is none."""
        try:
            said = json.loads(_file(folder, document).read_text("utf-8"))
            objects = {name: Stored(**stored) for name, stored in said["objects"].items()}
            return cls(ListedObject(**said["facts"]), said["content"], objects)
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def write(self, folder: Path, document: str) -> None:
        """Write the record."""
        said = {"facts": vars(self.facts), "content": self.content, "objects": as_json(self.objects)}
        write_whole(_file(folder, document), json.dumps(said).encode())


def forget(folder: Path, document: str) -> None:
    """Remove the record of a document."""
    _file(folder, document).unlink(missing_ok=True)


def recorded(folder: Path) -> Iterator[str]:
    """Yield the documents that have records."""
    root = folder / FOLDER
    for path in sorted(root.rglob("*.json")):
        yield path.relative_to(root).as_posix()


def with_objects(content: bytes, objects: Mapping[str, Stored]) -> bytes:
    """Return a document in the form of the store: it names its data files."""
    said = json.loads(content)
    return (
        json.dumps({**said, _KEY: as_json(objects)} if objects else said, indent=1, ensure_ascii=False) + "\n"
    ).encode()


def without_objects(content: bytes) -> tuple[bytes, dict[str, Stored]]:
    """Return a document of the store in the form of a local file, and the data files that it names."""
    said: dict[str, Any] = json.loads(content)
    objects = {name: Stored(**stored) for name, stored in said.pop(_KEY, {}).items()}
    return (json.dumps(said, indent=1, ensure_ascii=False) + "\n").encode(), objects


def as_json(objects: Mapping[str, Stored]) -> dict[str, object]:
    """Return data files as plain JSON."""
    return {name: vars(stored) for name, stored in sorted(objects.items())}


def checksum(content: bytes) -> str:
    """Return the SHA-256 of a document."""
    return hashlib.sha256(content).hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Write a small file, which appears complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    temporary.write_bytes(content)
    temporary.replace(path)


def _file(folder: Path, document: str) -> Path:
    return folder / FOLDER / document
