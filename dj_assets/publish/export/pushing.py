"""An export in an object store or on the hub: written on this machine, then pushed part by part, its manifest last."""

from __future__ import annotations

import json
from pathlib import Path

from dj_assets.errors import UserError
from dj_assets.publish.export.export import MANIFEST, SUMS, Exported, files_in, names_in
from dj_assets.publish.export.hub import HubDataset, upload_export
from dj_assets.recipe.export_formats import ExportFormat
from dj_assets.stores.hub import is_hub
from dj_assets.stores.store import Store, each


def checked_target(target: str, format: ExportFormat) -> None:
    """Raise before anything is written if an export cannot go to a target in this format.

    Raises
    ------
    UserError
        If the target is on the hub, but names no dataset, or the format has no card.
    """
    if is_hub(target):
        HubDataset.of_url(target, format)


def push_export(done: Exported, url: str, format: ExportFormat, *, public: bool = False) -> None:
    """Push an export from a folder of this machine to a URL; `public` is for the hub, see `upload_export`.

    Raises
    ------
    UserError
        If there are other files below the URL, or the hub refuses.
    StoreError
        If the store or the hub does not answer.
    """
    if is_hub(url):
        upload_export(done, HubDataset.of_url(url, format), public=public)
    else:
        _push_to_store(done, url)


def _push_to_store(done: Exported, url: str) -> None:
    """Push an export to an object store.

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
