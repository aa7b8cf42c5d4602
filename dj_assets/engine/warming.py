"""Loading before there is work: what every task needs, then the models and kernels of one task."""

from __future__ import annotations

import gc
import pickle

import numpy as np
import pyarrow as pa

from dj_assets import settings
from dj_assets.engine.row_stage import RowStage
from dj_assets.engine.work import Task
from dj_assets.operators.batch import Batch

# Has something for every kernel to find; what is measured of it is thrown away.
_TEXT = "Warm up, once: http://example.org, a@example.org é “quoted”\n"


def load_libraries() -> None:
    """Load what every row stage needs, the compiler of the kernels and its types among it."""
    from dj_assets.kernels.components import components

    gc.set_threshold(settings.COLLECT_AFTER)
    pa.set_cpu_count(1)
    components(1, np.empty(0, np.int64), np.empty(0, np.int64))


def load_task(pickled: bytes) -> None:
    """Load models and kernels of a task by measuring a line of text."""
    from dj_assets.kernels.lean import forget_pandas

    forget_pandas()
    task: Task = pickle.loads(pickled)  # noqa: S301 - written by our own parent
    RowStage(Batch.of_texts([_TEXT], task.models), task.frequent).run(task.plan)


def can_be_warmed(task: Task) -> bool:
    """Return whether a task may be loaded where workers are forked from: nothing of it starts threads there.

    Media and their models do, and nobody knows what a user's own operators do.
    """
    ours = all(type(step.operator).__module__.startswith("dj_assets.") for step in task.plan.steps)
    return ours and not task.plan.media
