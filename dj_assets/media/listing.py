"""The media that a sample lists: paths, or the files themselves, as in Hugging Face's `Image` and `Video` columns."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import NamedTuple

_BYTES, _PATH = "bytes", "path"


class Entry(NamedTuple):
    """Hold the name of a listed file, and its bytes if the sample has them; else the name is a path."""

    name: str
    content: bytes | None = None


def entries(value: object, key: str, contents: object = None, contents_key: str = "") -> list[Entry] | None:
    """Return the files that a field lists; None if its value is neither a file nor a list of files.

    A file is a path, bytes, or an object with `bytes` (base64 in JSON) and `path`, of which one may be null. A file
    without a path is named after the field. Lists inside of the list, such as the frames of each clip, are read as one.

    Parameters
    ----------
    value, key
        The value of the field, and the name of the field.
    contents, contents_key
        The value of a field with the bytes of the listed paths, in their order. Without paths, it is the list itself.

    Examples
    --------
    >>> entries(["a.jpg", {"bytes": b"...", "path": None}], "images")
    [Entry(name='a.jpg', content=None), Entry(name='images[1]', content=b'...')]
    >>> entries([1], "images") is None
    True
    """
    if value is None:
        found = [_with_bytes(item, f"{contents_key}[{n}]") for n, item in enumerate(_listed(contents))]
    else:
        found = [_entry(item, f"{key}[{n}]") for n, item in enumerate(_listed(value))]
        beside = _listed(contents)
        if len(beside) == len(found):
            found = [entry and _joined(entry, other) for entry, other in zip(found, beside, strict=True)]
    known = [entry for entry in found if entry is not None]
    return known if len(known) == len(found) else None


def without_contents(value: object) -> object:
    """Return the value of a field without the bytes of the files that it lists; paths stay."""
    if isinstance(value, list):
        return [without_contents(item) for item in value]
    if isinstance(value, Mapping) and _BYTES in value:
        return {**value, _BYTES: None}
    return None if isinstance(value, bytes) else value


def _listed(value: object) -> list[object]:
    items = [] if value is None else value if isinstance(value, list) else [value]
    return [inner for item in items for inner in (item if isinstance(item, list) else (item,))]


def _entry(item: object, name: str) -> Entry | None:
    if isinstance(item, str):
        return Entry(item)
    path = item.get(_PATH) if isinstance(item, Mapping) else None
    path = path if isinstance(path, str) and path else None
    content = _content(item)
    if content:
        return Entry(path or name, content)
    return Entry(path) if path else None


def _with_bytes(item: object, name: str) -> Entry | None:
    """Return an item of a field with bytes, where a text is base64 and no path."""
    content = _content(item)
    if isinstance(item, str):
        return Entry(name, content) if content else None
    return _entry(item, name)


def _joined(entry: Entry, beside: object) -> Entry:
    """Return the entry with its bytes from the other field, unless it has its own."""
    return entry if entry.content else Entry(entry.name, _content(beside))


def _content(item: object) -> bytes | None:
    """Return the bytes of an item, None if it has none; a text is base64."""
    if isinstance(item, Mapping):
        item = item.get(_BYTES)
    if isinstance(item, str):
        try:
            return base64.b64decode(item, validate=True)
        except binascii.Error:
            return None
    return bytes(item) if isinstance(item, (bytes, bytearray, memoryview)) and item else None
