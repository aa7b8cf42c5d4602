"""Small documents that all machines must have alike: changed by one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dj_assets.stores.copies import copy_of
from dj_assets.stores.lease import leased

# A change takes seconds; a machine that died while at it is waited for no longer than its lease holds.
_PATIENCE_S = 360.0


@contextmanager
def agreed(document: Path) -> Iterator[None]:
    """Change a document; of a working copy, that of the store, which no other machine changes meanwhile."""
    copy = copy_of(document)
    if copy is None:
        yield
        return
    name = document.relative_to(copy.folder).as_posix()
    with leased(copy.store, name.replace("/", "-").removesuffix(".json"), _PATIENCE_S) as lease:
        copy.pull_document(name)
        yield
        lease.require()
        copy.push_document(name)
