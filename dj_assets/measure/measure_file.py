"""Measure one source file: a reader cuts it into blocks, an engine measures them, the measured files are committed."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from functools import partial

import pyarrow as pa

from dj_assets import settings
from dj_assets.home.commit import Commit, Sums, commit_file
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import FileManifest
from dj_assets.home.writing import ParquetFileWriter
from dj_assets.measure.tally import FileTally, FileTask
from dj_assets.measure.work import MeasuredBlock, Task, measure_block
from dj_assets.sources.readers import Block, Reader
from dj_assets.sources.table_files import TABLES

# Measures the blocks of a file, given by its path, and yields the results in the order of the blocks.
MeasureBlocks = Callable[[str, Iterator[Block]], Iterator[MeasuredBlock]]
# Called with the tally of a file after each block.
Tell = Callable[[FileTally], None]


def measure_file(
    task: FileTask,
    layout: Layout,
    measure: MeasureBlocks,
    stage: Task,
    *,
    tell: Tell,
    commit: Commit = nullcontext,
    in_threads: bool = False,
) -> FileManifest:
    """Measure a source file and commit it.

    Parameters
    ----------
    commit
        Context in which the measured files replace earlier ones that other runs may be reading.
    in_threads
        Whether threads compress the measured files while the next blocks are measured. A process that
        measures by itself may fork, and has no other threads.

    Raises
    ------
    SourceError
        If no record has the text key, the file is truncated, or it changes while it is read. Earlier measured files
        are kept then.
    """
    tally = FileTally(task)
    reader = reader_of(task, stage.plan.block_bytes)
    with MeasuredFiles(layout, task.number, in_threads=in_threads) as files:
        for block in _or_empty(measure(str(task.file.path), reader.blocks()), task, stage):
            tally.add(block.summary, platform.node())
            files.write(block.tables)
            tell(tally)
        return commit_file(tally.manifest(reader.sha256, reader.members), layout, files.close, commit)


def reader_of(task: FileTask, wanted_bytes: int) -> Reader:
    """Return the reader of a source file, with the block size of the plan."""
    # a table may contain the bytes of the media
    block_bytes = settings.BATCH_BYTES if task.file.format in TABLES else wanted_bytes
    return Reader(
        task.file, task.number, block_bytes=block_bytes, max_line_bytes=settings.max_record_bytes(), limit=task.limit
    )


class MeasuredFiles:
    """Hold the measured files of a source file while they are written, one for each kind of a layout.

    With `in_threads`, each file is written by a thread while the caller goes on; one block of each file may wait.

    Use it as a context manager: the files appear when they are closed, at the latest at the end of the `with` block.
    None appears if the block raises.
    """

    def __init__(self, layout: Layout, number: int, *, in_threads: bool = False) -> None:
        self._layout = layout
        self._number = number
        self._open = ExitStack()
        self._writers: dict[str, ParquetFileWriter] = {}
        self._threads = ThreadPoolExecutor(len(layout.kinds), thread_name_prefix="write") if in_threads else None
        self._under_way: dict[str, Future[None]] = {}

    def write(self, tables: Mapping[str, pa.RecordBatch]) -> None:
        """Add the samples of a block: a record batch for each kind."""
        for kind in self._layout.kinds:
            if kind not in self._writers:
                path = self._layout.measured(kind, self._number)
                self._writers[kind] = self._open.enter_context(ParquetFileWriter(path, tables[kind].schema))
            self._do(kind, partial(self._writers[kind].write, tables[kind]))

    def _do(self, kind: str, work: Callable[[], None]) -> None:
        """Do the next work on a file, or let its thread do it when its last work is done."""
        if self._threads is None:
            work()
            return
        if kind in self._under_way:
            self._under_way[kind].result()
        self._under_way[kind] = self._threads.submit(work)

    def close(self) -> Sums:
        """Put the files into place; return size and CRC-32 of each, by its kind."""
        for kind, writer in self._writers.items():
            self._do(kind, writer.flush)
        for last in self._under_way.values():
            last.result()
        self._open.close()
        return {kind: (writer.sum.bytes, writer.sum.crc32) for kind, writer in self._writers.items()}

    def __enter__(self) -> MeasuredFiles:
        self._open.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
        self._open.__exit__(*raised)  # type: ignore[arg-type]


def _or_empty(blocks: Iterator[MeasuredBlock], task: FileTask, stage: Task) -> Iterator[MeasuredBlock]:
    """Yield the blocks, or one empty block for a file without records: its measured files then have their schemas."""
    has_blocks = False
    for block in blocks:
        has_blocks = True
        yield block
    if not has_blocks:
        yield measure_block(stage, str(task.file.path), Block.empty(task.number))
