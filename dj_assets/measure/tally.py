"""Sums over the blocks of a source file, added block by block in their order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from dj_assets.errors import SourceError
from dj_assets.home.manifest import FileManifest
from dj_assets.measure.work import BlockSummary
from dj_assets.media.decoded_by import DECODERS
from dj_assets.models.text.counting import CallCounts, summed
from dj_assets.recipe.plan import digest
from dj_assets.sources.column_types import ColumnTypes
from dj_assets.sources.sources import SourceFile, is_as_found, state_of

# After this number of records without the text key, the file fails at once instead of at its end.
ENOUGH_RECORDS = 1000
TEXT_KEY_FIX = "name the right one with 'text_keys' in the recipe"


@dataclass(frozen=True)
class FileTask:
    """Hold one source file to be measured: the file, its number, and the measure key of its measured files.

    The samples of a file of `aggregates` are no records of the source.
    """

    file: SourceFile
    number: int
    measure_key: str
    text_key: str
    limit: int | None = None
    text_key_fix: str = TEXT_KEY_FIX
    aggregates: bool = False


@dataclass
class FileTally:
    """Hold the sums over the blocks of a file; their order matters only for the columns of its fields.

    `nodes` counts the blocks that each machine measured; `peak_rss_mb` is the peak memory (RSS) of the largest worker.
    """

    task: FileTask
    records: int = 0
    left_out: int = 0
    rows: int = 0
    dropped: int = 0
    quarantined: int = 0
    text_bytes: int = 0
    file_bytes: int = 0
    text_key_seen: bool = False
    field_types: ColumnTypes = field(default_factory=ColumnTypes)
    seconds: Counter[str] = field(default_factory=Counter)
    nodes: Counter[str] = field(default_factory=Counter)
    peak_rss_mb: float = 0.0
    media: str = ""
    calls: dict[str, CallCounts] = field(default_factory=dict)
    _keys_seen: tuple[str, ...] = ()
    _state: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        self._state = state_of(self.task.file)

    def add(self, block: BlockSummary, node: str = "", peak_rss_mb: float = 0.0) -> None:
        """Add one block, which a worker of `node` measured.

        Raises
        ------
        SourceError
            If none of the first `ENOUGH_RECORDS` records has the text key.
        """
        self.records += block.records
        self.left_out += block.left_out
        self.rows += block.rows
        self.dropped += block.dropped
        self.quarantined += block.quarantined
        self.text_bytes += block.text_bytes
        self.file_bytes = block.file_bytes
        self.seconds.update(block.seconds)
        self.calls = summed([self.calls, block.calls])
        self.nodes[node] += 1
        self.peak_rss_mb = max(self.peak_rss_mb, peak_rss_mb)
        if block.media:
            self.media = block.media if not self.media else digest([self.media, block.media])
        self.field_types = self.field_types.merge(block.field_types)
        self.text_key_seen |= block.missing_key is None
        self._keys_seen = block.missing_key or ()
        if not self.text_key_seen and self.records >= ENOUGH_RECORDS:
            raise SourceError(self._no_text_key())

    def manifest(self, sha256: str, members: Sequence[tuple[str, int]] = ()) -> FileManifest:
        """Return the manifest of the file, once all of its blocks are added; `members` are those of joined files.

        Raises
        ------
        SourceError
            If no record had the text key, or the file was changed while it was read.
        """
        task, file = self.task, self.task.file
        if not self.text_key_seen:
            raise SourceError(self._no_text_key())
        if not is_as_found(file, self._state):
            raise SourceError(f"{file.path}: was changed while it was read; nothing of it is kept, run again")
        return FileManifest(
            number=task.number,
            path=str(file.path),
            size=file.size,
            mtime_ns=file.mtime_ns,
            sha256=sha256,
            measure_key=task.measure_key,
            limit=task.limit,
            records=0 if task.aggregates else self.records,
            rows=self.rows,
            dropped=self.dropped,
            quarantined=self.quarantined,
            text_bytes=self.text_bytes,
            field_types=self.field_types.to_json(),
            left_out=self.left_out,
            seconds={label: round(seconds, 4) for label, seconds in self.seconds.items()},
            nodes={name: blocks for name, blocks in sorted(self.nodes.items()) if name},
            worker_mb=self.peak_rss_mb,
            media=self.media,
            decoders=DECODERS,
            members=tuple(members),
            calls=self.calls,
        )

    def _no_text_key(self) -> str:
        file, keys = self.task.file, ", ".join(self._keys_seen) or "none"
        return (
            f"{file.path}: no record has the key {file.reading.text_key or self.task.text_key!r} "
            f"(keys seen: {keys}); {self.task.text_key_fix}"
        )
