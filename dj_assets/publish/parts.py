"""Refined files: written one by one, each under the key of its content, and published when a version is complete."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from dj_assets.home.damage import Sum
from dj_assets.home.json_files import read_json, write_json
from dj_assets.home.layout import Layout, part_name
from dj_assets.home.manifest import FileManifest
from dj_assets.home.run_manifest import PublishedFile, RunManifest
from dj_assets.home.writing import write_refined
from dj_assets.recipe.plan import digest
from dj_assets.sources.column_types import ColumnTypes
from dj_assets.stores.copies import all_at_hand, is_stored

# Part of the key of a refined file: increase it when the format of the content changes.
FORM = 2

Format = Literal["parquet", "jsonl"]


@dataclass(frozen=True)
class RefinedFile:
    """Hold one refined file: the number of its source file, the number of samples, the key of its content."""

    number: int
    samples: int
    key: str
    format: Format = "parquet"

    @property
    def name(self) -> str:
        """Return the name of the published file."""
        return part_name(self.number, self._suffix)

    def pending(self, layout: Layout) -> Path:
        """Return the path at which the file waits for the others of its version."""
        return layout.pending / f"{self.key}{self._suffix}"

    def size(self, layout: Layout, published: RunManifest | None) -> int | None:
        """Return its bytes, also if it is only in an object store; None if it is not written yet."""
        here = self.path(layout, published)
        if here is not None:
            return here.stat().st_size
        copy = layout.copy
        waiting = copy.pending(self.pending(layout).name) if copy else None
        if waiting is not None:
            return waiting.bytes
        for part in published.refined if published else ():
            if part.key == self.key and is_stored(layout.refined / part.name, part.bytes):
                return part.bytes
        return None

    def path(self, layout: Layout, published: RunManifest | None) -> Path | None:
        """Return its path on this machine, waiting or published by the run of a manifest; None if it is not here."""
        waiting = self.pending(layout)
        if waiting.exists():
            return waiting
        for part in published.refined if published else ():
            path = layout.refined / part.name
            if part.key == self.key and path.exists() and path.stat().st_size == part.bytes:
                return path
        return None

    def written(self, layout: Layout, published: RunManifest | None) -> Sum:
        """Return size and CRC-32 of the file when it was written, also if it is only in an object store."""
        path = self.path(layout, published)
        if path is None and layout.copy is not None:
            known = layout.copy.pending_note(_sum_file(self.pending(layout)).name)
            if known is not None:
                return Sum(known["bytes"], known["crc32"])
        path = path or self.pending(layout)
        note = read_json(_sum_file(path))
        if note is not None and "crc32" in note:
            return Sum(note["bytes"], note["crc32"])
        same = [part for part in published.refined if part.key == self.key] if published and note is None else []
        # a process that was killed between the two writes left no note
        return same[0].written if same and same[0].crc32 is not None else Sum.of(path)

    @property
    def _suffix(self) -> str:
        return ".parquet" if self.format == "parquet" else ".jsonl"


def kept_digest(kept: np.ndarray) -> str:
    """Return a hash of the mask of a source file's kept samples."""
    return hashlib.sha256(np.packbits(kept).tobytes()).hexdigest()


def part_key(manifest: FileManifest, kept: str, types: ColumnTypes, text_key: str, format: Format = "parquet") -> str:
    """Return the key of a refined file's content: its measured files, its kept samples, its columns.

    `kept` is a `kept_digest`.
    """
    # samples without an id are named by their file
    measured = [manifest.sha256, manifest.measure_key, manifest.records, Path(manifest.path).name]
    return digest([FORM, measured, kept, types.to_json(), text_key, format])


def write_part(part: RefinedFile, kept: np.ndarray, layout: Layout, types: ColumnTypes, text_key: str) -> None:
    """Write a refined file to the path where it waits for the others; it appears complete or not at all."""
    cleaned, fields = all_at_hand(layout.measured(kind, part.number) for kind in ("cleaned", "fields"))
    layout.pending.mkdir(parents=True, exist_ok=True)
    target = part.pending(layout)
    write_refined(target, cleaned, fields, kept, types=types, text_key=text_key, format=part.format)
    write_json(_sum_file(target), Sum.of(target)._asdict())


def waiting_files(part: RefinedFile, layout: Layout) -> tuple[Path, Path]:
    """Return the paths of a waiting refined file: of its checksum file, and of the file itself."""
    return _sum_file(part.pending(layout)), part.pending(layout)


def gather_parts(
    parts: Sequence[RefinedFile], layout: Layout, published: RunManifest | None, folder: Path
) -> list[PublishedFile]:
    """Link all parts of a version into a new folder; return what the manifest says about them.

    Raises
    ------
    FileNotFoundError
        If one is not written yet.
    """
    folder.mkdir()
    entries = []
    for part in parts:
        size = part.size(layout, published)
        if size is None:
            raise FileNotFoundError(f"{part.pending(layout)}: is not written yet")
        path = part.path(layout, published)
        # a file that is only in the store is copied inside the store when the version is pushed
        if path is not None:
            link_or_copy(path, folder / part.name)
        written = part.written(layout, published)
        entries.append(
            PublishedFile(
                name=part.name,
                number=part.number,
                samples=part.samples,
                key=part.key,
                bytes=written.bytes,
                crc32=written.crc32,
            )
        )
    return entries


def _sum_file(pending: Path) -> Path:
    return pending.with_suffix(".json")


def link_or_copy(source: Path, target: Path) -> None:
    """Create a hard link to a file, or copy it if the file system has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def remove_pending(layout: Layout) -> None:
    """Remove all waiting files: those of the published version are linked there, others belong to old versions.

    Waiting files in an object store are removed once the version is pushed.
    """
    for path in layout.pending.glob("[!.]*"):
        path.unlink()
