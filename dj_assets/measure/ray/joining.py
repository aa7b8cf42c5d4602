"""The blocks of a file, measured by many machines, on the disk that these share; joined when all are there.

Nothing here imports `ray.data`: what joins is a process of its own and should be there at once.
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
    """Return the path of a measured block of a source file until all of its blocks are there."""
    return layout.under_way(file_number).work / "blocks" / f"{number:06d}.arrow"


def write_block(path: Path, tables: Mapping[str, pa.RecordBatch], kinds: Sequence[str]) -> None:
    """Write the tables of a block into one file, a stream of Arrow for each kind."""
    with replace_atomically(path) as temporary, pa.OSFile(str(temporary), "wb") as sink:
        for kind in kinds:
            with pa.ipc.new_stream(sink, tables[kind].schema, options=_QUICK) as stream:
                stream.write_batch(tables[kind])


@ray.remote
def join_blocks(layout: Layout, file_number: int, blocks: int) -> Sums:
    """Write the measured files of a source file, aside, from all its blocks in their order; return their sums."""
    pa.set_cpu_count(1)
    aside = layout.under_way(file_number)
    with MeasuredFiles(aside, file_number) as files:
        for number in range(blocks):
            with pa.memory_map(str(block_file(layout, file_number, number))) as source:
                files.write({kind: _only_batch(source) for kind in layout.kinds})
    return files.close()


def _only_batch(source: pa.NativeFile) -> pa.RecordBatch:
    """Read a stream of one batch to its end, where the next one begins."""
    (batch,) = pa.ipc.open_stream(source)
    return batch
