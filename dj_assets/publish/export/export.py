"""Export part by part into a work folder; each finished part is kept, and all are moved to the target at the end."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import filelock

from dj_assets.errors import UserError
from dj_assets.home.disk import disk_faults
from dj_assets.home.json_files import read_json, write_json
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import require_refined
from dj_assets.home.publication import Publication
from dj_assets.home.run_manifest import RunManifest
from dj_assets.home.writing import replace_atomically
from dj_assets.publish.database import SamplePosition
from dj_assets.publish.export.formats import (
    PACKED_FORMATS,
    TABLE_FORMATS,
    TOKEN_FORMATS,
    ExportWriter,
    ending,
    open_part,
)
from dj_assets.publish.export.hub_card import CARD, hub_card
from dj_assets.publish.export.refined_samples import RefinedSamples, published_run, require_newest, table_types
from dj_assets.publish.export.token_shards import litdata_index, mds_column, mds_index, open_tokens
from dj_assets.publish.export.tokens import Tokenizer, TokenSettings
from dj_assets.recipe.export_formats import ExportFormat
from dj_assets.sources.fields import FieldTypes

DEFAULT_SHARD_BYTES = 256_000_000
# Increase it when a change makes other files from the same samples.
VERSION = 2

_WORK = ".export"
MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
_BATCH_BYTES = 1_000_000


@dataclass(frozen=True)
class ExportedFile:
    """Hold name, size and checksum of a file."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class ExportedPart:
    """Hold one finished part: its samples, and the position in the refined subset where the next part starts.

    A position is the number of a refined file and a row in it. `companions` are the other files of the part, `counts`
    what else it has, such as tokens.
    """

    name: str
    samples: int
    bytes: int
    sha256: str
    next: SamplePosition
    companions: tuple[ExportedFile, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def files(self) -> tuple[ExportedFile, ...]:
        """Return the files of the part."""
        return (ExportedFile(self.name, self.bytes, self.sha256), *self.companions)


@dataclass(frozen=True)
class Exported:
    """Hold the parts in the folder. `written` counts the parts of this call; the others were there already."""

    folder: Path
    parts: tuple[ExportedPart, ...]
    written: int
    # those of the export as a whole
    more: tuple[ExportedFile, ...] = ()

    @property
    def files(self) -> tuple[ExportedFile, ...]:
        """Return all files, without the manifest and the checksums."""
        return (*(file for part in self.parts for file in part.files), *self.more)

    def count(self, name: str) -> int:
        """Return the sum of a count over all parts, such as tokens."""
        return sum(part.counts.get(name, 0) for part in self.parts)

    @property
    def samples(self) -> int:
        """Return the number of samples of all parts."""
        return sum(part.samples for part in self.parts)

    @property
    def bytes(self) -> int:
        """Return the bytes of all parts."""
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True)
class Export:
    """Write the published refined subset of a layout to a folder.

    A part is closed once it has `shard_bytes`. It is larger by at most the samples read at once: an eighth of
    `shard_bytes` or 1 MB (32 MB before compression, for Parquet). The same refined subset always gives the same files.
    """

    layout: Layout
    folder: Path
    format: ExportFormat
    shard_bytes: int = DEFAULT_SHARD_BYTES
    # for the formats of tokens
    tokens: TokenSettings | None = None

    def run(self, *, overwrite: bool = False, report: Callable[[ExportedPart], None] = lambda _: None) -> Exported:
        """Write the missing parts; `report` is called with every finished part.

        An export that was killed continues after its last finished part. An earlier export in the folder is kept until
        all parts are written.

        Raises
        ------
        UserError
            If nothing is published, the folder contains other files, or another run is published during the export.
        """
        since = Publication.of(self.layout)
        manifest = published_run(self.layout)
        claim = self._claim(manifest)
        require_refined(self.layout, manifest, manifest.refined)
        with disk_faults(self.folder), _alone(self.folder):
            self._finish_moving()
            if (done := self._exported(claim)) is not None:
                return done
            self._require_ours(overwrite=overwrite)
            return self._write(manifest, since, claim, report)

    @property
    def _work(self) -> Path:
        return self.folder / _WORK

    def _claim(self, manifest: RunManifest) -> dict[str, object]:
        """Return what identifies the files of an export."""
        claim: dict[str, object] = {"format": self.format, "shard_bytes": self.shard_bytes, "version": VERSION}
        if self.format in TOKEN_FORMATS:
            claim |= self._token_settings.claim()
        return {"name": manifest.name, "result_key": manifest.result_key, **claim}

    def _exported(self, claim: Mapping[str, Any]) -> Exported | None:
        """Return the export in the folder if it has this claim and is complete, else None."""
        manifest = read_json(self.folder / MANIFEST)
        if manifest is None or {key: manifest.get(key) for key in claim} != claim:
            return None
        parts = tuple(_part(entry) for entry in manifest["parts"])
        done = Exported(self.folder, parts, 0, tuple(ExportedFile(**entry) for entry in manifest.get("files", ())))
        return done if all(_is_there(self.folder, file) for file in done.files) else None

    @property
    def _token_settings(self) -> TokenSettings:
        if self.tokens is None:
            raise UserError(f"the format {self.format} needs a tokenizer; name a file or a folder by --tokenizer")
        if self.tokens.length and self.format not in PACKED_FORMATS:
            raise UserError(f"the format {self.format} has one sequence for each document; leave --sequence-length out")
        return self.tokens

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return self._token_settings.open()

    def _require_ours(self, *, overwrite: bool) -> None:
        others = [path.name for path in self.folder.iterdir() if path.name not in {_WORK, MANIFEST, SUMS}]
        known = names_in(read_json(self.folder / MANIFEST) or {})
        foreign = sorted(set(others) - known)
        if foreign:
            raise UserError(f"{self.folder}: holds other files ({foreign[0]}); choose a new folder")
        if known and not overwrite:
            raise UserError(f"{self.folder}: holds another export; choose a new folder or pass --overwrite")

    def _write(
        self,
        manifest: RunManifest,
        since: Publication,
        claim: Mapping[str, object],
        report: Callable[[ExportedPart], None],
    ) -> Exported:
        parts = self._resumed(claim)
        before = len(parts)
        at: SamplePosition = parts[-1].next if parts else (0, 0)
        while at[0] < len(manifest.refined):
            parts.append(self._write_part(manifest, parts, at))
            require_newest(self.layout, manifest, since)
            write_json(self._work / f"{parts[-1].name}.json", dataclasses.asdict(parts[-1]))
            report(parts[-1])
            at = parts[-1].next
        more = tuple(self._write_whole(name, content) for name, content in self._whole(manifest, parts).items())
        listed = [dataclasses.asdict(part) for part in parts]
        whole = {**claim, "run_id": manifest.run_id, "samples": sum(part.samples for part in parts), "parts": listed}
        write_json(self._work / MANIFEST, whole | {"files": [dataclasses.asdict(file) for file in more]})
        self._finish_moving()
        return Exported(self.folder, tuple(parts), len(parts) - before, more)

    def _whole(self, manifest: RunManifest, parts: Sequence[ExportedPart]) -> dict[str, bytes]:
        """Return the files of the export as a whole."""
        if self.format in PACKED_FORMATS:
            return {"index.json": self._index(manifest, parts)}
        if self.format == "huggingface":
            return {CARD: hub_card(self.layout.card, manifest.name).encode()}
        return {}

    def _index(self, manifest: RunManifest, parts: Sequence[ExportedPart]) -> bytes:
        length = self._token_settings.length
        shards = [(part.name, part.bytes, part.counts["samples"]) for part in parts]
        if self.format == "mds":
            return mds_index(mds_column(self._tokenizer, length), shards)
        return litdata_index(self._tokenizer, length, shards, manifest.result_key)

    def _write_whole(self, name: str, content: bytes) -> ExportedFile:
        with replace_atomically(self._work / name) as temporary:
            temporary.write_bytes(content)
        return ExportedFile(name, len(content), hashlib.sha256(content).hexdigest())

    def _resumed(self, claim: Mapping[str, Any]) -> list[ExportedPart]:
        """Return the parts that an interrupted export has finished."""
        if read_json(self._work / "claim.json") != claim:
            for path in self._work.glob("*.*"):
                path.unlink()
            write_json(self._work / "claim.json", claim)
        notes = (read_json(path) for path in sorted(self._work.glob("part-*.*.json")))
        parts = [_part(note) for note in notes if note is not None]
        return parts if all(_is_there(self._work, file) for part in parts for file in part.files) else []

    def _write_part(self, manifest: RunManifest, parts: Sequence[ExportedPart], at: SamplePosition) -> ExportedPart:
        name = f"part-{len(parts):05d}{ending(self.format)}"
        first = sum(part.samples for part in parts)
        samples = 0
        with replace_atomically(self._work / name) as temporary:
            with temporary.open("wb") as file:
                part = self._open_part(file)
                for samples_read, following in self._refined(manifest).after(at, first):
                    part.add(samples_read)
                    samples, at = samples + len(samples_read), following
                    if part.size >= self.shard_bytes:
                        break
                part.close()
            with temporary.open("rb") as written:
                checksum = hashlib.file_digest(written, "sha256").hexdigest()
        size = (self._work / name).stat().st_size
        stem = Path(name).stem
        companions = {stem + end: content for end, content in part.companions().items()} | {**part.pictures()}
        others = (self._write_whole(other, content) for other, content in companions.items())
        return ExportedPart(name, samples, size, checksum, at, tuple(others), dict(part.counts))

    def _refined(self, manifest: RunManifest) -> RefinedSamples:
        batch_bytes = min(_BATCH_BYTES, self.shard_bytes // 8)
        return RefinedSamples(self.layout, manifest, batch_bytes, self._types)

    @cached_property
    def _types(self) -> FieldTypes | None:
        return table_types(self.layout) if self.format in TABLE_FORMATS else None

    def _open_part(self, file: BinaryIO) -> ExportWriter:
        if self.format in TOKEN_FORMATS:
            return open_tokens(self.format, file, self._tokenizer, self._token_settings.length)
        return open_part(self.format, file)

    def _finish_moving(self) -> None:
        """Move a complete export to its folder, also one that was interrupted during the move."""
        whole = read_json(self._work / MANIFEST)
        if whole is None:
            return
        old = read_json(self.folder / MANIFEST) or {}
        (self.folder / MANIFEST).unlink(missing_ok=True)
        new = files_in(whole)
        for name in new:
            if (self._work / name).exists():
                (self._work / name).replace(self.folder / name)
        for name in names_in(old) - new.keys():
            (self.folder / name).unlink(missing_ok=True)
        with replace_atomically(self.folder / SUMS) as temporary:
            lines = [f"{sha256}  {name}\n" for name, sha256 in new.items()]
            temporary.write_text("".join(lines), "utf-8")
        (self._work / MANIFEST).replace(self.folder / MANIFEST)
        for path in self._work.glob("*.json"):
            path.unlink()


def files_in(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the checksums of all files of an export by their names, from its manifest."""
    parts = manifest.get("parts", ())
    entries = [file for part in parts for file in (part, *part.get("companions", ()))]
    return {str(entry["name"]): str(entry["sha256"]) for entry in (*entries, *manifest.get("files", ()))}


def names_in(manifest: Mapping[str, Any]) -> set[str]:
    """Return the names of all files of an export, from its manifest; none where there is no manifest."""
    return {*files_in(manifest)}


def _part(entry: Mapping[str, Any]) -> ExportedPart:
    companions = tuple(ExportedFile(**file) for file in entry.get("companions", ()))
    return ExportedPart(**{**entry, "next": tuple(entry["next"]), "companions": companions})


def _is_there(folder: Path, file: ExportedFile) -> bool:
    path = folder / file.name
    return path.exists() and path.stat().st_size == file.bytes


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lock the folder for this export; remove its work folder at the end if it is empty."""
    work = folder / _WORK
    work.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(work / ".lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise UserError(f"{folder}: another export is at work there; wait for it or stop it") from None
    try:
        yield
    finally:
        lock.release()
        # unfinished parts stay; the file of the lock remains on some systems
        if {path.name for path in work.iterdir()} <= {".lock"}:
            shutil.rmtree(work)
