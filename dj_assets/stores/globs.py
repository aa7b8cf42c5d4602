"""Globs over the listing of an object store, with the rules of the shell and of `glob`."""

from __future__ import annotations

import glob
import re

from dj_assets.errors import SourceError
from dj_assets.stores.path import ObjectPath, found_below
from dj_assets.stores.store import ListedObject


def matches(pattern: ObjectPath) -> dict[ObjectPath, ListedObject]:
    """Return the objects that a glob matches: `*` and `?` stay within a folder, `**` descends, hidden ones are skipped.

    Raises
    ------
    SourceError
        If no object matches.
    """
    parts = pattern.parts
    fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    if fixed < 2:
        raise SourceError(f"{pattern}: the bucket of a glob must be named in full")
    wanted = re.compile(_expression(parts[fixed:]))
    folder = ObjectPath(*parts[:fixed])
    objects = {
        path: facts for path, facts in found_below(folder).items() if wanted.fullmatch("/".join(path.parts[fixed:]))
    }
    if not objects:
        raise SourceError(f"{pattern}: no object matches")
    return objects


def _expression(parts: tuple[str, ...]) -> str:
    """Return the regular expression of the segments of a glob."""
    made = ""
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == "**":
            made += r"(?:[^/.][^/]*/)*[^/.][^/]*" if last else r"(?:[^/.][^/]*/)*"
        else:
            made += ("" if part.startswith(".") else r"(?!\.)") + _segment(part) + ("" if last else "/")
    return made


def _segment(part: str) -> str:
    signs = {"*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*|\?|\[!?\]?[^\]]*\])", part)
    return "".join(
        signs.get(piece) or ("[" + piece[1:].replace("!", "^", 1) if piece.startswith("[!") else piece)
        if piece in signs or (piece.startswith("[") and piece.endswith("]"))
        else re.escape(piece)
        for piece in pieces
    )
