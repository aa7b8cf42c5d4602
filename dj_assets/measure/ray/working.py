"""The worker of a cluster: it measures a block and writes its samples next to the other blocks of the file."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import ray

from dj_assets import variables
from dj_assets.errors import DjError, WorkerDiedError
from dj_assets.home.layout import Layout
from dj_assets.measure.ray.cluster import this_node
from dj_assets.measure.ray.joining import block_file, write_block
from dj_assets.measure.ray.reading import End, Stretch, content_of, row
from dj_assets.measure.tally import FileTask
from dj_assets.measure.work import BlockSummary, Task, measure_block
from dj_assets.recipe.custom_operators import import_operators
from dj_assets.sources.readers import Block
from dj_assets.stores.path import SourcePath
from dj_assets.system import peak_rss_mb

# A block is rejected after this number of dead workers; fewer may have died with their nodes.
DEATHS = 3


@dataclass(frozen=True)
class Done:
    """Hold the result of a block whose samples are on the disk: its summary, the node and the worker's peak memory."""

    summary: BlockSummary
    node: str
    peak_rss_mb: float


class Worker:
    """Actor of Ray: it loads operators and models once, then measures block after block."""

    def __init__(
        self, custom_operators: Sequence[Path], task: bytes, files: Mapping[int, FileTask], layout: Layout
    ) -> None:
        pa.set_cpu_count(1)
        # Ray shows an actor only the GPUs that it claimed, numbered from 0
        os.environ.setdefault(variables.DEVICE.name, "cuda:0" if ray.get_gpu_ids() else "cpu")
        import_operators(custom_operators)
        self.task: Task = pickle.loads(task)  # noqa: S301 - written by our own driver
        self.files = files
        self.layout = layout
        self.node = this_node()

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Measure the blocks of some rows; return a row with the summary of each, without its samples."""
        return pa.concat_tables([self._one(*content_of(rows, index)) for index in range(rows.num_rows)])

    def _one(self, file_number: int, number: int, content: Block | Stretch | End | DjError) -> pa.Table:
        if isinstance(content, End | DjError):
            return row(file_number, number, content)
        file = self.files[file_number].file
        block = content.read(file) if isinstance(content, Stretch) else content
        path = block_file(self.layout, file_number, number)
        try:
            _refuse_deadly(path.with_suffix(".begun"), file.path, block.first_row)
            measured = measure_block(self.task, str(file.path), block)
        except DjError as error:
            return row(file_number, number, error)
        write_block(path, measured.tables, self.layout.kinds)
        return row(file_number, number, Done(measured.summary, self.node, peak_rss_mb()))


def _refuse_deadly(begun: Path, file: SourcePath, first_row: int) -> None:
    """Count the starts of a block in the file `begun`; raise if too many workers died over it."""
    begun.parent.mkdir(parents=True, exist_ok=True)
    with begun.open("ab") as notes:
        notes.write(b".")
        times = notes.tell()
    if times > DEATHS:
        raise WorkerDiedError(
            f"{file}: {DEATHS} worker processes died while the block starting at row {first_row} was measured; often "
            "memory: try --workers with fewer a node; finished files are kept, run again to go on"
        )
