"""Small documents that must be equal on all machines: one machine at a time changes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dj_assets.stores.copies import copy_of
from dj_assets.stores.lease import leased

# A change takes seconds; a machine that died during a change blocks others only until its lease ends.
_PATIENCE_S = 360.0


@contextmanager
def agreed(document: Path) -> Iterator[None]:
    """Hold the right to change a document; in a working copy, pull it first and push it at the end, under a lease."""
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
