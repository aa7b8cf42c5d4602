"""Measuring one shard: blocks through the engine, results into files, the manifest last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from dj_assets import settings
from dj_assets.engine.local import Engine
from dj_assets.engine.work import LOAD, MeasuredBlock, Task, measure_block
from dj_assets.errors import SourceError
from dj_assets.recipe.plan import Plan
from dj_assets.storage.fields import FieldTypes
from dj_assets.storage.layout import Layout
from dj_assets.storage.manifest import ShardManifest
from dj_assets.storage.readers import Block, Reader
from dj_assets.storage.shards import ParquetShard
from dj_assets.storage.sources import SourceFile

# After so many records without the text key nobody needs to wait for the end of the file.
ENOUGH_RECORDS = 1000


@dataclass
class _Tally:
    """What the blocks of a shard add up to."""

    records: int = 0
    left_out: int = 0
    rows: int = 0
    dropped: int = 0
    quarantined: int = 0
    text_bytes: int = 0
    text_key_seen: bool = False
    field_types: FieldTypes | None = None
    seconds: Counter[str] = field(default_factory=Counter)

    def add(self, block: MeasuredBlock) -> None:
        """Add one block."""
        loading = block.tables["rejects"].filter(pa.compute.equal(block.tables["rejects"]["step"], LOAD))
        dropped = pa.compute.sum(loading["dropped"]).as_py() or 0
        self.records += block.records
        self.left_out += block.left_out
        self.rows += block.tables["stats"].num_rows
        self.dropped += dropped
        self.quarantined += loading.num_rows - dropped
        self.text_bytes += block.text_bytes
        self.seconds.update(block.seconds)
        if block.field_types is not None:
            known = self.field_types
            self.field_types = block.field_types if known is None else known.merge(block.field_types)


@dataclass(frozen=True)
class ShardTask:
    """One shard to be measured: its file, its number, and the key its files will carry."""

    file: SourceFile
    shard: int
    measure_key: str
    text_key: str
    limit: int | None = None


Commit = Callable[[], AbstractContextManager[object]]


def measure_shard(
    task: ShardTask,
    layout: Layout,
    engine: Engine,
    stage: Task,
    report: Callable[[int, int, int], None],
    *,
    commit: Commit = nullcontext,
) -> ShardManifest:
    """Measure a shard and commit it.

    Parameters
    ----------
    report
        Is told rows, text bytes and file bytes of the shard after each block.
    commit
        What was measured before is replaced within this context, where others might read it meanwhile.

    Raises
    ------
    SourceError
        If no record has the text key, the file breaks off, or it changes while it is read. What was measured before
        stays then.
    """
    tally = _Tally()
    reader = Reader(
        task.file,
        task.shard,
        block_bytes=_block_bytes(task.file, stage.plan),
        max_line_bytes=settings.MAX_LINE_BYTES,
        limit=task.limit,
    )
    with ExitStack() as stack:
        writers: dict[str, ParquetShard] = {}
        for block in _or_empty(engine.measure(str(task.file.path), reader.blocks()), task, stage):
            tally.text_key_seen |= block.missing_key is None
            if not tally.text_key_seen and tally.records + block.records >= ENOUGH_RECORDS:
                raise SourceError(_no_text_key(task, block.missing_key or ()))
            missing_key = block.missing_key
            for kind in layout.kinds:
                if kind not in writers:
                    path = layout.measured(kind, task.shard)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    writers[kind] = stack.enter_context(ParquetShard(path, block.tables[kind].schema))
                writers[kind].write(block.tables[kind])
            tally.add(block)
            report(tally.rows, tally.text_bytes, block.file_bytes)
        if not tally.text_key_seen:
            raise SourceError(_no_text_key(task, missing_key or ()))
        manifest = _manifest(task, tally, reader.sha256)
        _refuse_changed(task.file)
        with commit():
            layout.manifest(task.shard).unlink(missing_ok=True)
            stack.close()  # puts the files into place
            manifest = replace(
                manifest, files={kind: (writer.sum.bytes, writer.sum.crc32) for kind, writer in writers.items()}
            )
            manifest.write(layout)
    return manifest


def _refuse_changed(file: SourceFile) -> None:
    now = file.path.stat()
    if (now.st_size, now.st_mtime_ns) != (file.size, file.mtime_ns):
        raise SourceError(f"{file.path}: was changed while it was read; nothing of it is kept, run again")


def _block_bytes(file: SourceFile, plan: Plan) -> int:
    # a table may hold the media themselves
    return settings.BATCH_BYTES if file.format == "parquet" else plan.block_bytes


def _or_empty(blocks: Iterator[MeasuredBlock], task: ShardTask, stage: Task) -> Iterator[MeasuredBlock]:
    """Give a file without records one empty block, so that its files exist with their schemas."""
    some = False
    for block in blocks:
        some = True
        yield block
    if not some:
        yield measure_block(stage, str(task.file.path), Block.empty(task.shard))


def _manifest(task: ShardTask, tally: _Tally, sha256: str) -> ShardManifest:
    types: dict[str, Any] | None = None if tally.field_types is None else tally.field_types.to_json()
    return ShardManifest(
        shard=task.shard,
        path=str(task.file.path),
        size=task.file.size,
        mtime_ns=task.file.mtime_ns,
        sha256=sha256,
        measure_key=task.measure_key,
        limit=task.limit,
        records=tally.records,
        rows=tally.rows,
        dropped=tally.dropped,
        quarantined=tally.quarantined,
        text_bytes=tally.text_bytes,
        field_types=types,
        left_out=tally.left_out,
        seconds={label: round(seconds, 4) for label, seconds in tally.seconds.items()},
    )


def _no_text_key(task: ShardTask, seen: tuple[str, ...]) -> str:
    keys = ", ".join(seen) or "none"
    return (
        f"{task.file.path}: no record has the key {task.file.reading.text_key or task.text_key!r} "
        f"(keys seen: {keys}); name the right one with 'text_keys' in the recipe"
    )
