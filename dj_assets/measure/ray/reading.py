"""Read source files for the workers of a cluster: one reader per file, blocks as rows of `ray.data`.

A block of plain JSON lines is sent as a byte range: the worker reads this range of the file itself. All other files
(compressed files, tables, cells, archives, raw formats) cannot be read from the middle. For these, the reader puts each
block into the object store, and Ray pauses the readers when the store fills up.
"""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
from ray.data.datasource import Datasource, ReadTask

from dj_assets.couplings import ray_read_task
from dj_assets.errors import DjError
from dj_assets.measure.measure_file import reader_of
from dj_assets.measure.tally import FileTask
from dj_assets.sources.readers import Block
from dj_assets.sources.sources import SourceFile
from dj_assets.stores.path import read_stretch

SCHEMA = pa.schema([("file", pa.int32()), ("number", pa.int32()), ("content", pa.large_binary())])


@dataclass(frozen=True)
class Stretch:
    """Hold a block of plain lines without its payload: `length` bytes of the file, from the block's first byte."""

    block: Block
    length: int

    def read(self, file: SourceFile) -> Block:
        """Return the block with its payload."""
        return dataclasses.replace(self.block, payload=read_stretch(file.path, self.block.first_byte, self.length))


@dataclass(frozen=True)
class End:
    """Hold the row after the last block of a file: the SHA-256 checksum of the bytes that were read, joined files."""

    sha256: str
    members: tuple[tuple[str, int], ...] = ()


def row(file_number: int, number: int, content: object) -> pa.Table:
    """Return one row of the dataset; `number` counts the blocks of a file from 0."""
    arrays = [
        pa.array([value], kind)
        for value, kind in zip((file_number, number, pickle.dumps(content)), SCHEMA.types, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def content_of(packed: pa.Table, index: int = 0) -> tuple[int, int, Any]:
    """Return file number, block number and content of a row."""
    file_number, number, content = (packed[name][index].as_py() for name in SCHEMA.names)
    return file_number, number, pickle.loads(content)  # noqa: S301 - written by our own processes


class SourceBlocks(Datasource):
    """Data source of Ray with the blocks of source files, one read task for each file."""

    def __init__(self, tasks: Sequence[FileTask], block_bytes: int) -> None:
        self._tasks = tasks
        self._block_bytes = block_bytes

    def get_name(self) -> str:
        """Return the name of the data source in Ray."""
        return "SourceBlocks"

    def estimate_inmemory_data_size(self) -> int | None:
        """Return None: the size is unknown and not needed."""
        return None

    def get_read_tasks(
        self,
        parallelism: int,  # noqa: ARG002
        per_task_row_limit: int | None = None,  # noqa: ARG002
        data_context: object = None,  # noqa: ARG002
    ) -> list[ReadTask]:
        """Return one task for each file, in order."""
        return [ray_read_task(partial(_read, task, self._block_bytes)) for task in self._tasks]


def _read(task: FileTask, block_bytes: int) -> Iterator[pa.Table]:
    """Yield the blocks of a file and its end; an error of the source is yielded like a block, as the last row."""
    reader = reader_of(task, block_bytes)
    number = 0
    try:
        for block in reader.blocks():
            yield row(task.number, number, _light(block, task.file))
            number += 1
        if not number:
            yield row(task.number, number, Block.empty(task.number))
            number += 1
        yield row(task.number, number, End(reader.sha256, tuple(reader.members)))
    except DjError as error:
        yield row(task.number, number, error)


def _light(block: Block, file: SourceFile) -> Block | Stretch:
    payload = block.payload
    lines = file.format == "jsonl" and file.compression is None
    if not (lines and isinstance(payload, bytes)):
        return block
    return Stretch(dataclasses.replace(block, payload=b""), len(payload))
