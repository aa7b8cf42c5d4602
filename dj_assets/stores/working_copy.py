"""The local working copy of a subset in an object store: pull documents, fetch data files, push changes."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dj_assets.errors import DamagedError
from dj_assets.stores import document_records
from dj_assets.stores.document_records import DocumentRecord, Stored
from dj_assets.stores.documents import (
    PUBLISHED,
    data_of,
    document_of,
    documents,
    is_document,
    is_object,
    object_name,
    run_of,
    runs,
)
from dj_assets.stores.store import ListedObject, Store, each

POINTER = "current.json"
# The version before the newest is kept for processes that still read it.
KEPT_VERSIONS = 2
_PENDING = "pending/"


@dataclass
class WorkingCopy:
    """Hold a local folder and its store; the store has the authoritative content.

    Documents are small and always in the folder after a pull; data files are fetched when they are needed. Local
    changes are pushed document by document: the data files first, then the document that names them.
    """

    folder: Path
    store: Store
    _there: dict[str, ListedObject] = field(default_factory=dict, repr=False)
    _checksums: dict[tuple[int, ...], str] = field(default_factory=dict, repr=False)

    def pull(self) -> None:
        """Update the local documents, and remove local data files that they no longer name.

        Local files that are not pushed yet are kept, unless another machine has pushed the same document.
        """
        self._there = self.store.listing()
        before = self._newest_run()
        known = {name: DocumentRecord.read(self.folder, name) for name in document_records.recorded(self.folder)}
        remote = [name for name in self._there if is_document(name)]
        changed = [name for name in remote if self._differs(name, known.get(name))]
        for name, content in zip(changed, each(self.store.get, changed), strict=True):
            self._adopt(name, content, known.get(name))
        for name in known.keys() - set(remote):
            self._drop(name, known[name])
        if self._newest_run() != before:
            self._clear_published()

    def pull_document(self, name: str) -> None:
        """Update one local document."""
        facts, record = self.store.facts(name), DocumentRecord.read(self.folder, name)
        if facts is not None:
            self._there[name] = facts
            if self._differs(name, record):
                self._adopt(name, self.store.get(name), record)

    def sizes(self) -> dict[str, int]:
        """Return the bytes in the store by top-level folder or file, the largest first, by the last listing."""
        bytes_by_kind: dict[str, int] = {}
        for key, facts in self._there.items():
            kind = key.partition("/")[0]
            bytes_by_kind[kind] = bytes_by_kind.get(kind, 0) + facts.size
        return dict(sorted(bytes_by_kind.items(), key=lambda item: -item[1]))

    def published(self) -> dict[str, Stored]:
        """Return the published files of the newest version, keyed by path in the folder; empty if there is none."""
        newest = self._newest_run()
        record = DocumentRecord.read(self.folder, newest) if newest else None
        objects = record.objects if record else {}
        return {name: stored for name, stored in objects.items() if name.partition("/")[0] in PUBLISHED}

    def _differs(self, name: str, record: DocumentRecord | None) -> bool:
        return record is None or record.facts != self._there[name] or not (self.folder / name).exists()

    def _adopt(self, name: str, content: bytes, record: DocumentRecord | None) -> None:
        """Replace the local document by the one of the store."""
        plain, objects = document_records.without_objects(content)
        here = self.folder / name
        same = here.exists() and document_records.checksum(here.read_bytes()) == document_records.checksum(plain)
        if not same and run_of(name) is None:
            stale = set(data_of(name, self.folder)) if record is None else set(objects) | set(record.objects)
            for data in stale:
                if record is None or record.objects.get(data) != objects.get(data):
                    (self.folder / data).unlink(missing_ok=True)
        document_records.write_whole(here, plain)
        DocumentRecord(self._there[name], document_records.checksum(plain), objects).write(self.folder, name)

    def _drop(self, name: str, record: DocumentRecord | None) -> None:
        """Remove a document that the store no longer has, unless it was changed locally since."""
        here = self.folder / name
        if record is not None and here.exists() and document_records.checksum(here.read_bytes()) == record.content:
            for data in record.objects if run_of(name) is None else ():
                (self.folder / data).unlink(missing_ok=True)
            here.unlink()
        document_records.forget(self.folder, name)

    def _newest_run(self) -> str | None:
        return next(reversed(runs(self.folder)), None)

    def _clear_published(self) -> None:
        """Remove local published files of an older version; those of the newest are fetched when they are read."""
        for name in PUBLISHED:
            path = self.folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def is_occupied(self) -> bool:
        """Return whether the store has an object below the URL, by the last listing, or a run started here."""
        return bool(self._there) or any(True for _ in documents(self.folder))

    def stored(self, path: Path) -> Stored | None:
        """Return the object of a data file in the store, by the pulled documents; None if there is none."""
        data = path.relative_to(self.folder).as_posix()
        document = document_of(data, self._newest_run())
        record = DocumentRecord.read(self.folder, document) if document else None
        if record is None or document is None:
            return None
        here = self.folder / document
        if not here.exists() or document_records.checksum(here.read_bytes()) != record.content:
            return None  # the document was changed here
        return record.objects.get(data)

    def is_stored(self, path: Path, size: int | None = None) -> bool:
        """Return whether a data file is in the store, in its full length, by the last listing."""
        stored = self.stored(path)
        if stored is None or size not in {None, stored.bytes}:
            return False
        there = self._there.get(stored.key)
        return there is not None and there.size == stored.bytes

    def fetch(self, paths: Iterable[Path]) -> None:
        """Fetch missing data files; those that the store does not have are skipped.

        Raises
        ------
        DamagedError
            If an object that a document names is gone.
        """
        missing = [path for path in paths if not path.exists()]
        wanted = [(path, stored) for path in missing if (stored := self.stored(path)) is not None]
        each(lambda item: self._fetch(*item), wanted)

    def _fetch(self, path: Path, stored: Stored) -> None:
        try:
            self.store.download(stored.key, path)
        except FileNotFoundError:
            raise DamagedError(
                f"{self.store.named(stored.key)}: is gone from the store; run the subset again: only missing files "
                "are made again"
            ) from None

    def push(self) -> None:
        """Push every document that was created or changed here, with its data; the manifests of runs come last."""
        newest = self._newest_run()
        left = [name for name in documents(self.folder) if not self._is_pushed(name)]
        for name in left:
            self.push_document(name)
        if newest is not None:
            self._point_at(newest)
        if newest in left:
            self.remove([key for key in self._there if key.startswith((_PENDING, f".dj/{_PENDING}"))])

    def _is_pushed(self, name: str) -> bool:
        record = DocumentRecord.read(self.folder, name)
        if record is None or self._there.get(name) != record.facts:
            return False
        if document_records.checksum((self.folder / name).read_bytes()) != record.content:
            return False
        # a data file that was removed from the store is pushed again if it is here
        gone = [data for data, stored in record.objects.items() if stored.key not in self._there]
        return not any((self.folder / data).exists() for data in gone)

    def push_document(self, name: str) -> None:
        """Push a document: first its data files that the store does not have, then the document itself."""
        published = name == self._newest_run()
        content = (self.folder / name).read_bytes()
        before = DocumentRecord.read(self.folder, name)
        objects = dict(before.objects) if before else {}
        here = data_of(name, self.folder, published=published)
        if published:
            objects |= self._parts_elsewhere(name, json.loads(content), set(here))
        objects |= dict(each(lambda data: (data, self.upload(self.folder / data, data, name)), here))
        facts = self._put(name, document_records.with_objects(content, objects))
        DocumentRecord(facts, document_records.checksum(content), objects).write(self.folder, name)

    def upload(self, path: Path, data: str, document: str) -> Stored:
        """Upload a file as the data file of a document if the store does not have it; return its object."""
        key = object_name(data, document, self._checksum(path))
        size = path.stat().st_size
        there = self._there.get(key)
        if there is None or there.size != size:
            self._there[key] = self.store.upload(path, key)
        return Stored(key, size)

    def _checksum(self, path: Path) -> str:
        """Return the SHA-256 of a file; a file that was only renamed is not read again."""
        stat = path.stat()
        known = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if known not in self._checksums:
            with path.open("rb") as file:
                self._checksums[known] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._checksums[known]

    def _put(self, name: str, content: bytes) -> ListedObject:
        self._there[name] = self.store.put(name, content)
        return self._there[name]

    def _parts_elsewhere(self, name: str, manifest: Mapping[str, Any], here: set[str]) -> dict[str, Stored]:
        """Copy the refined files of a run that are only in the store: other machines wrote them."""
        elsewhere = [part for part in manifest["refined"] if f"refined/{part['name']}" not in here]
        return dict(each(lambda part: self._copied(name, part), elsewhere))

    def _copied(self, name: str, part: Mapping[str, Any]) -> tuple[str, Stored]:
        data = f"refined/{part['name']}"
        key = object_name(data, name, "")
        source = self.pending(f"{part['key']}{Path(part['name']).suffix}") or self._published_part(part)
        if source is None:
            raise DamagedError(f"{self.store.named(data)}: is gone from the store; refine its shard again")
        if self._there.get(key, ListedObject(-1, 0)).size != part["bytes"]:
            self.store.copy(source.key, key)
            self._there[key] = ListedObject(part["bytes"], 0)
        return data, Stored(key, part["bytes"])

    def _published_part(self, part: Mapping[str, object]) -> Stored | None:
        """Return a refined file with the same content in an earlier version; None if there is none."""
        for name in reversed(runs(self.folder)):
            record = DocumentRecord.read(self.folder, name)
            for other in json.loads((self.folder / name).read_bytes())["refined"] if record else ():
                stored = record.objects.get(f"refined/{other['name']}") if record else None
                if other["key"] == part["key"] and stored is not None and stored.key in self._there:
                    return stored
        return None

    def pending(self, name: str) -> Stored | None:
        """Return the object of a refined file that waits for the others of its version; None if there is none."""
        key = next(
            (f"{work}{_PENDING}{name}" for work in ("", ".dj/") if f"{work}{_PENDING}{name}" in self._there), None
        )
        return Stored(key, self._there[key].size) if key else None

    def push_pending(self, path: Path) -> None:
        """Push a refined file that waits for the others of its version; its name is the key of its content."""
        key = path.relative_to(self.folder).as_posix()
        there = self.store.facts(key)
        if there is None or there.size != path.stat().st_size:
            there = self.store.upload(path, key)
        self._there[key] = there

    def pending_note(self, name: str) -> dict[str, Any] | None:
        """Return the checksum document of a refined file that waits in the store; None if there is none."""
        pending = self.pending(name)
        note: dict[str, Any] | None = json.loads(self.store.get(pending.key)) if pending else None
        return note

    def remove_data(self, path: Path) -> None:
        """Remove a data file only from the store: it is damaged there."""
        stored = self.stored(path)
        if stored is not None:
            self.remove([stored.key])

    def remove_document(self, name: str) -> None:
        """Remove a document from the store and from the folder; its data are then unreferenced."""
        self.remove([name])
        record = DocumentRecord.read(self.folder, name)
        for data in record.objects if record else ():
            (self.folder / data).unlink(missing_ok=True)
        (self.folder / name).unlink(missing_ok=True)
        document_records.forget(self.folder, name)

    def remove(self, keys: Iterable[str]) -> None:
        """Remove objects from the store, by their keys."""
        listed = list(keys)
        self.store.delete(listed)
        for key in listed:
            self._there.pop(key, None)

    def _point_at(self, newest: str) -> None:
        """Write the URLs of the newest version for people and their tools; then remove old versions."""
        record = DocumentRecord.read(self.folder, newest)
        if record is None:
            return
        named = {data: self.store.named(stored.key) for data, stored in record.objects.items()}
        said = {
            "run_id": run_of(newest),
            "manifest": self.store.named(newest),
            "database": named.get("stats.duckdb"),
            "refined": [url for data, url in sorted(named.items()) if data.startswith("refined/")],
            "files": named,
        }
        content = (json.dumps(said, indent=1) + "\n").encode()
        there = self._there.get(POINTER)
        if there is None or there.size != len(content) or self.store.get(POINTER) != content:
            self._put(POINTER, content)
        versions = sorted({key.split("/")[1] for key in self._there if key.startswith("versions/")}, reverse=True)
        old = tuple(f"versions/{run}/" for run in versions[KEPT_VERSIONS:])
        if old:
            self.remove([key for key in self._there if key.startswith(old)])

    def url_of(self, path: Path) -> str:
        """Return the URL of a file or folder, for people; published files are in the newest version."""
        name = path.relative_to(self.folder).as_posix()
        newest = self._newest_run()
        if name.partition("/")[0] not in PUBLISHED:
            return self.store.named(name)
        return self.store.named(f"versions/{run_of(newest)}/{name}" if newest else POINTER)

    def unnamed(self, older_than_ns: int) -> dict[str, int]:
        """Return the data files in the store that no document names, written before a time, with their bytes."""
        named: set[str] = set()
        for name in document_records.recorded(self.folder):
            record = DocumentRecord.read(self.folder, name)
            named |= {stored.key for stored in record.objects.values()} if record else set()
        return {
            key: facts.size
            for key, facts in self._there.items()
            if is_object(key) and key not in named and facts.mtime_ns < older_than_ns
        }
