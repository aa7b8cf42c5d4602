"""Load libraries before there is work: those of every task first, then the models and kernels of one task."""

from __future__ import annotations

import gc
import importlib
import pickle

import numpy as np
import pyarrow as pa

from dj_assets import settings
from dj_assets.measure.row_stage import RowStage
from dj_assets.measure.work import Task
from dj_assets.media.frames import load_decoders
from dj_assets.media.jpeg import load_decoder
from dj_assets.operators.base import Aggregator, Operator
from dj_assets.operators.batch import FIELDS, TEXT, Batch
from dj_assets.operators.views.crops import load_kernels
from dj_assets.operators.views.group_members import alone
from dj_assets.recipe.plan import Plan

# Every kernel finds something in this text; the results are thrown away.
_TEXT = "Warm up, once: http://example.org, a@example.org é “quoted”\n"


def load_libraries() -> None:
    """Load the libraries that every row stage needs, with the compiler of the kernels and its types."""
    from dj_assets.kernels.components import components

    gc.set_threshold(settings.COLLECT_AFTER)
    pa.set_cpu_count(1)
    components(1, np.empty(0, np.int64), np.empty(0, np.int64))


def load_task(pickled: bytes) -> None:
    """Load models and kernels of a task by measuring a line of text; load only the packages of models over media."""
    from dj_assets.kernels.import_guards import forget_pandas

    forget_pandas()
    task: Task = pickle.loads(pickled)  # noqa: S301 - written by our own parent
    plan = task.plan
    if plan.media:
        _import_for_models(task)
    # a call of a language model costs money, and its threads must not run in the fork server
    steps = (step for step in plan.steps if not step.operator.reaches_out)
    plan = Plan(plan.recipe, tuple(step for step in steps if not (plan.media and _may_need_gpu(step.operator))))
    # operators may read and write fields; an aggregator, the first of its plan, reads those of a group
    grouped = bool(plan.steps) and isinstance(plan.steps[0].operator, Aggregator)
    fields = alone([_TEXT]) if grouped else pa.array(["{}"])
    rows = pa.RecordBatch.from_arrays([pa.array([_TEXT]), fields], names=[TEXT, FIELDS])
    RowStage(Batch(rows, task.models), task.frequent).run(plan)


def _may_need_gpu(operator: Operator) -> bool:
    """Return whether an operator has a model that may run on a GPU."""
    return "safetensors" in operator.packages


def _import_for_models(task: Task) -> None:
    """Import what reads media, the packages of operators with models, and PyTorch where a GPU may run them.

    The imports take seconds and much memory. The workers load the models: a forked process cannot use a GPU that was
    used before the fork.
    """
    from dj_assets.measure import media_stage  # noqa: F401
    from dj_assets.models.vision.device import may_need_torch

    load_kernels()
    for step in task.plan.steps:
        if step.operator.models():
            for package in step.operator.packages:
                importlib.import_module(package)
            if "av" in step.operator.packages:
                load_decoders()
            if "PIL" in step.operator.packages:
                load_decoder()
            if may_need_torch():
                importlib.import_module("torch")


def can_be_warmed(task: Task) -> bool:
    """Return whether the fork server may load a task: none of its operators may start threads there.

    Operators of the user might start some, so a task with such an operator is not loaded. The recipe, which comes with
    the task, may have operators that this task does not run, behind a grouper.
    """
    operators = (*(step.operator for step in task.plan.steps), *task.plan.recipe.process)
    return all(type(operator).__module__.startswith("dj_assets.") for operator in operators)
