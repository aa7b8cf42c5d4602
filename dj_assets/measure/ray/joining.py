"""Measured blocks of a file: many machines write them to the shared disk, and one task joins them at the end.

This module does not import `ray.data`: the join task is a process of its own and must start fast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import ray

from dj_assets.home.commit import Sums
from dj_assets.home.layout import Layout
from dj_assets.home.writing import replace_atomically
from dj_assets.measure.measure_file import MeasuredFiles

_QUICK = pa.ipc.IpcWriteOptions(compression="lz4")


def block_file(layout: Layout, file_number: int, number: int) -> Path:
    """Return the path of a measured block of a source file; the block is there until the file is joined."""
    return layout.under_way(file_number).work / "blocks" / f"{number:06d}.arrow"


def write_block(path: Path, tables: Mapping[str, pa.RecordBatch], kinds: Sequence[str]) -> None:
    """Write the tables of a block into one file, one Arrow stream for each kind."""
    with replace_atomically(path) as temporary, pa.OSFile(str(temporary), "wb") as sink:
        for kind in kinds:
            with pa.ipc.new_stream(sink, tables[kind].schema, options=_QUICK) as stream:
                stream.write_batch(tables[kind])


@ray.remote
def join_blocks(layout: Layout, file_number: int, blocks: int) -> Sums:
    """Write the measured files of a source file to a temporary folder, from all blocks in order; return their sums."""
    pa.set_cpu_count(1)
    aside = layout.under_way(file_number)
    with MeasuredFiles(aside, file_number) as files:
        for number in range(blocks):
            with pa.memory_map(str(block_file(layout, file_number, number))) as source:
                files.write({kind: _only_batch(source) for kind in layout.kinds})
    return files.close()


def _only_batch(source: pa.NativeFile) -> pa.RecordBatch:
    """Read a stream of one batch to its end, where the next stream starts."""
    (batch,) = pa.ipc.open_stream(source)
    return batch
