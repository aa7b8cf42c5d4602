"""The paths of all files in a subset's folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dj_assets.media.made import FOLDER
from dj_assets.stores import generations
from dj_assets.stores.atomic import TEMPORARY
from dj_assets.stores.copies import at_hand, copy_of, open_copy
from dj_assets.stores.working_copy import WorkingCopy
from dj_assets.urls import is_url, url_of

# Measured: written file by file, kept between runs, never read by people. Order of writing.
MEASURED = ("cleaned", "fields", "stats", "signatures", "rejects")
# The same for a pass that only counts the corpus.
COUNTED = ("stats", "signatures")


@dataclass(frozen=True)
class Layout:
    """The two places of a subset: `work` for what was measured, `published` for what people read.

    In the data home both are the subset's folder; `dj-assets run` keeps its work in a hidden folder of the output.
    `kinds` are the kinds of measured files, one file of each kind for every source file.
    """

    work: Path
    published: Path
    kinds: tuple[str, ...] = MEASURED

    @classmethod
    def at(cls, location: str | Path) -> Layout:
        """Return the layout of a subset by its folder or URL; of a URL, its working copy on this machine.

        Raises
        ------
        UserError
            If the URL cannot be used.
        """
        return cls.home(open_copy(str(location)).folder if is_url(location) else Path(location))

    @classmethod
    def home(cls, folder: Path) -> Layout:
        """Return the layout of a subset in the data home."""
        return cls(folder, folder)

    @classmethod
    def output(cls, folder: Path) -> Layout:
        """Return the layout of a `dj-assets run` output folder."""
        return cls(folder / ".dj", folder)

    def counting(self, label: str) -> Layout:
        """Return the layout of the pass that counts the corpus for one operator."""
        return Layout(self.work / "counted" / label, self.published, COUNTED)

    def measured(self, kind: str, number: int) -> Path:
        """Return a measured file of the source file with a number; `kind` is one of `kinds`."""
        return self.work / kind / f"{number:05d}.parquet"

    def under_way(self, number: int) -> Layout:
        """Return the folder of a source file that many machines measure, until its measured files are complete."""
        return Layout(self.work / "under_way" / f"{number:05d}", self.published, self.kinds)

    def fetched(self, kind: str, number: int) -> Path:
        """Return a measured file to be read; of a working copy, fetch it where it is not here."""
        return at_hand(self.measured(kind, number))

    @property
    def copy(self) -> WorkingCopy | None:
        """Return the working copy of a subset in an object store, None for a local subset."""
        return copy_of(self.published)

    def is_occupied(self) -> bool:
        """Return whether there is anything in the published folder, or of a working copy in the store.

        A work folder with nothing but temporary files and a lock does not count: a run that was killed or found the
        disk full before it claimed the folder leaves no more.
        """
        if self.copy is not None:
            return self.copy.is_occupied()
        entries = self.published.iterdir() if self.published.exists() else ()
        return any(entry != self.work or any(map(self._is_content, entry.iterdir())) for entry in entries)

    def _is_content(self, entry: Path) -> bool:
        return entry != self.lock and not entry.match(TEMPORARY)

    @property
    def location(self) -> str:
        """Return the location of the subset, for people: a folder or a URL."""
        return url_of(self.published) or str(self.published)

    def location_of(self, path: Path) -> str:
        """Return the location of a published file or folder, for people: a path, or a URL in the newest version."""
        return self.copy.url_of(path) if self.copy else str(path)

    def manifest(self, number: int) -> Path:
        """Return the manifest of a source file: it exists once the file is measured completely."""
        return self.work / "shards" / f"{number:05d}.json"

    def near_pairs(self, signature: str) -> Path:
        """Return the near pairs of one deduplicator."""
        return self.work / "near_pairs" / f"{signature}.parquet"

    def groups(self, number: int) -> Path:
        """Return the file of the groups that a grouper formed; `number` is `home.numbering.number_of_aggregates`."""
        return self.decision.with_name(f"groups-{number:05d}.parquet")

    def members(self, number: int) -> Path:
        """Return the file that says in which group every member is."""
        return self.decision.with_name(f"members-{number:05d}.parquet")

    @property
    def frequent(self) -> Path:
        """Return the path of the frequent keys of a counting pass."""
        return self.work / "frequent.parquet"

    def index(self, label: str) -> Path:
        """Return the path of the index of the documents that one filter compares samples with."""
        return self.work / "indexes" / f"{label}.parquet"

    @property
    def against(self) -> Layout:
        """The place of what was measured of the reference set; nothing is published there."""
        return Layout(self.work / "against", self.work / "against")

    @property
    def numbering(self) -> Path:
        """Which number every file of the source has."""
        return self.work / "numbering.json"

    @property
    def grouping(self) -> Path:
        """Which shard every file of a sharded source belongs to."""
        return self.work / "grouping.json"

    @property
    def decision(self) -> Path:
        """Return the path of the replay's decision, which refining reads; the outcomes are in the same folder."""
        return self.work / "decision" / "decision.json"

    @property
    def pending(self) -> Path:
        """The folder of refined files that wait for the others of their version."""
        return self.work / "pending"

    def shard_lock(self, name: str) -> Path:
        """Return the file that a run locks while it measures or refines one shard of a sharded subset."""
        return self.work / "locks" / f"{name}.lock"

    @property
    def lock(self) -> Path:
        """The file that a run locks while it changes what all shards share."""
        return self.work / ".lock"

    @property
    def database(self) -> Path:
        """The published DuckDB file."""
        return self.published / "stats.duckdb"

    @property
    def report(self) -> Path:
        """The published report, a page that opens in a browser."""
        return self.published / "report.html"

    @property
    def card(self) -> Path:
        """The published dataset card."""
        return self.published / "dataset_card.md"

    @property
    def refined(self) -> Path:
        """The folder of the published refined files."""
        return self.published / "refined"

    @property
    def made_media(self) -> str:
        """Return the folder, or the URL, of the media files that operators made; samples list them as `media/…`."""
        return self.copy.store.named(FOLDER) if self.copy else str(self.published.absolute() / FOLDER)

    @property
    def generations(self) -> str:
        """Return the folder, or the URL, of the calls of language models."""
        folder = generations.FOLDER
        return self.copy.store.named(folder) if self.copy else str(self.published.absolute() / folder)

    @property
    def export(self) -> Path:
        """The folder that the subset is exported to where none is named."""
        return self.published / "export"

    @property
    def runs(self) -> Path:
        """The folder of run manifests; the newest describes what is published."""
        return self.work / "runs"


def part_name(number: int, suffix: str = ".parquet") -> str:
    """Return the name of a refined file."""
    return f"part-{number:05d}{suffix}"
