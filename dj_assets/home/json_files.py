"""JSON files that appear whole or not at all. A document is a JSON object that holds a checksum of itself."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from dj_assets.errors import DamagedError
from dj_assets.home.writing import replace_atomically

T = TypeVar("T")

# The key under which a document holds the checksum of everything else in it.
_CHECKSUM, _KIND = "checksum", "crc32:"


def write_json(path: Path, content: object) -> None:
    """Write a JSON file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_atomically(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")


def write_document(path: Path, content: Mapping[str, object]) -> None:
    """Write a JSON object atomically, with a checksum of itself, which `read_json` compares and removes."""
    write_json(path, {**content, _CHECKSUM: content_checksum(content)})


def append_line(path: Path, content: Mapping[str, object]) -> None:
    """Append a JSON object as one line, on the disk when this returns; lines of several processes do not mix."""
    line = (json.dumps(content, ensure_ascii=False) + "\n").encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_lines(path: Path, of: Callable[[dict[str, Any]], T], what: str) -> list[T]:
    """Return what a function makes of every JSON object that was appended to a file; nothing where there is no file.

    Raises
    ------
    DamagedError
        If a line holds none, or the function raises `TypeError` or `ValueError` for it; `what` says what was expected.
    """
    made: list[T] = []
    if not path.exists():
        return made
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                made.append(of(json.loads(line)))
            except (ValueError, TypeError) as error:
                raise DamagedError(f"{path}, line {number}: is no {what} ({error}); remove the line") from error
    return made


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a JSON object; None if there is no such file, or it is no object or a damaged document."""
    content = _json_object(path)
    written = taken_checksum(content) if content is not None else None
    return content if written is None or content_checksum(content or {}) == written else None


def recorded_checksum(path: Path) -> str | None:
    """Return the checksum that a document holds of itself; None if it has none, or cannot be read."""
    content = _json_object(path)
    return taken_checksum(content) if content is not None else None


def content_checksum(content: Mapping[str, object]) -> str:
    """Return the CRC-32 of a JSON object, whatever the order of its keys, as documents hold it."""
    # keys become strings first, in whose order they are written
    plain = json.loads(json.dumps(content))
    return f"{_KIND}{zlib.crc32(json.dumps(plain, sort_keys=True).encode()):08x}"


def _json_object(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def taken_checksum(content: dict[str, Any]) -> str | None:
    """Remove the checksum from a document and return it; None if the document has none."""
    held = content.get(_CHECKSUM)
    return content.pop(_CHECKSUM) if isinstance(held, str) and held.startswith(_KIND) else None
