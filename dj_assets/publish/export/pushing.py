"""An export in an object store: written on this machine, then pushed part by part, its manifest last."""

from __future__ import annotations

import json
from pathlib import Path

from dj_assets.errors import UserError
from dj_assets.publish.export.export import MANIFEST, SUMS, Exported, files_in, names_in
from dj_assets.stores.store import Store, each


def push_export(done: Exported, url: str) -> None:
    """Push an export from a folder of this machine to an object store.

    A part that is in the store in its full length is not pushed again. While parts are replaced there is no manifest.

    Raises
    ------
    UserError
        If other objects are below the URL.
    """
    store = Store.at(url)
    there = store.listing()
    manifest = (done.folder / MANIFEST).read_bytes()
    old = store.get(MANIFEST) if MANIFEST in there else b"{}"
    known = names_in(json.loads(old))
    files = {file.name: file.bytes for file in done.files}
    foreign = sorted(set(there) - known - files.keys() - {MANIFEST, SUMS})
    if foreign:
        raise UserError(f"{store.url}: holds other objects ({foreign[0]}); choose a new place")
    if old != manifest:
        store.delete([MANIFEST] if MANIFEST in there else [])
        store.delete(known - files.keys())
    same = files_in(json.loads(old)) == files_in(json.loads(manifest))
    left = [name for name, size in files.items() if not (same and name in there and there[name].size == size)]
    each(lambda name: store.upload(Path(done.folder, name), name), [*left, SUMS])
    store.put(MANIFEST, manifest)
