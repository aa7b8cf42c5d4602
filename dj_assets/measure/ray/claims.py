"""The resources that a worker requests from Ray: a CPU, a GPU if models run faster on one, memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dj_assets.home.json_files import read_json
from dj_assets.home.layout import Layout
from dj_assets.measure.ray.cluster import Node, environment
from dj_assets.measure.work import Task
from dj_assets.recipe.plan import Plan

# A worker without models: Python, Arrow, kernels, one block under way. Measured: 450 to 600 MB on web text.
_WORKER_BYTES = 800_000_000
# The process that opens its images and clips. `settings.media_memory_bytes` is the limit that kills it, not its use.
_MEDIA_BYTES = 1_000_000_000
# Factor above the memory that was measured for a worker before.
_ABOVE_MEASURED = 1.2
# Share of a node's memory; Ray would wait for ever for a claim that no node can satisfy.
_AT_MOST_OF_NODE = 0.9


@dataclass(frozen=True)
class Claim:
    """Hold the resources of one worker, and the number of workers that the cluster can run at once."""

    gpus: int
    memory_bytes: int
    workers: int

    def options(self) -> dict[str, object]:
        """Return the claim as arguments of `map_batches`."""
        return {
            "num_cpus": 1,
            "num_gpus": self.gpus or None,
            "memory": self.memory_bytes,
            "runtime_env": environment(),
        }


def claim_of(task: Task, cluster: Sequence[Node], layout: Layout, workers: int) -> Claim:
    """Return the claim of a worker, for at most `workers` workers.

    The memory is the peak of earlier workers of the same measure, else an estimate from the plan's models and media.
    """
    gpus = int(uses_gpu(task.plan) and any(node.gpus for node in cluster))
    measured = _measured_bytes(layout)
    wanted = measured or _WORKER_BYTES + _model_bytes(task) + (_MEDIA_BYTES if task.plan.media else 0)
    able = [node for node in cluster if node.gpus or not gpus]
    memory = min(wanted, int(_AT_MOST_OF_NODE * max(node.memory_bytes for node in able)))
    slots = sum(min(node.gpus if gpus else node.cpus, max(1, node.memory_bytes // max(1, memory))) for node in able)
    return Claim(gpus, memory, max(1, min(workers, slots)))


def uses_gpu(plan: Plan) -> bool:
    """Return whether a model of the plan reads media: such models are faster on a GPU."""
    return any(operator.models() for operator in plan.media)


def _model_bytes(task: Task) -> int:
    sizes = 0
    for model in task.plan.models(task.models):
        files = [model.path] if model.path.is_file() else [path for path in model.path.rglob("*") if path.is_file()]
        sizes += sum(path.stat().st_size for path in files)
    return sizes


def _measured_bytes(layout: Layout) -> int:
    """Return the bytes to claim by earlier runs: the peak of a worker in the layout's manifests, 0 if there is none."""
    largest = 0.0
    for path in sorted(layout.manifest(0).parent.glob("*.json")):
        largest = max(largest, (read_json(path) or {}).get("worker_mb", 0.0))
    return int(_ABOVE_MEASURED * largest * 1e6)
