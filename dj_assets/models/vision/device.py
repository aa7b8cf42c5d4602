"""Choose the device of models (a GPU in half precision, else the CPU), and the number of inputs at a time."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dj_assets import settings
from dj_assets.models.vision.backend import Array, Backend, Floats, NumpyBackend, TorchBackend

if TYPE_CHECKING:
    from torch import Tensor

_log = logging.getLogger(__name__)
Arrays = Sequence[np.ndarray] | np.ndarray
# The drivers of NVIDIA and AMD, and that of Windows for Linux as a guest.
_DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
_AT_ONCE_ON_CPU, _AT_ONCE_ON_GPU = 16, 256
# Held until the process ends: these locks show other processes which GPUs are in use.
_claims: list[object] = []


@dataclass(frozen=True)
class Device:
    """Hold PyTorch's name of a device, and whether models run there in half precision."""

    name: str = "cpu"
    half: bool = False

    def backend(self) -> Backend:
        """Return the backend with which our models are computed on the device."""
        return NumpyBackend() if self == Device() else TorchBackend(self.name, half=self.half)


@cache
def device() -> Device:
    """Return the device of this process: `DJ_DEVICE`, else a GPU that no other process uses, else the CPU.

    With more processes than GPUs, later processes share; the first process on each GPU has it alone until then.
    """
    given = settings.device()
    if given is not None and given != "cuda":
        return Device(given, half=given.startswith("cuda"))
    if not may_need_torch():
        return Device()
    import torch

    if not torch.cuda.is_available():
        return Device()
    return Device(f"cuda:{_claimed(torch.cuda.device_count())}", half=True)


def may_need_torch() -> bool:
    """Return whether models may run on another device than the CPU: by `DJ_DEVICE`, else if there is a GPU's driver."""
    given = settings.device()
    return any(Path(path).exists() for path in _DRIVERS) if given is None else given != "cpu"


def _claimed(count: int) -> int:
    """Return the first GPU that no process of ours has claimed; if all are claimed, one by the process number."""
    import os

    import filelock

    for number in range(count):
        claim = filelock.FileLock(Path(tempfile.gettempdir()) / f"dj-assets-{os.getuid()}-cuda-{number}.lock")
        try:
            claim.acquire(timeout=0)
        except filelock.Timeout:
            continue
        _claims.append(claim)
        return number
    return os.getpid() % count


class Batching:
    """Run a model over as many inputs at a time as memory allows: the number is halved when memory runs out."""

    def __init__(self, backend: Backend, at_once: int | None = None) -> None:
        self.backend = backend
        on_gpu = isinstance(backend, TorchBackend) and not backend.device.startswith("cpu")
        self.at_once = at_once or (_AT_ONCE_ON_GPU if on_gpu else _AT_ONCE_ON_CPU)

    def run(self, forward: Callable[..., Array], *inputs: Arrays) -> Floats:
        """Return the results of all inputs as one array, `(n, ...)`; at least one input is required.

        Parameters
        ----------
        forward
            Function of one array for each of `inputs`, stacked, on the device of the backend.
        inputs
            Sequences of equal length `n`; the arrays of a sequence have the same shape.
        """
        done: list[Floats] = []
        start = 0
        while start < len(inputs[0]):
            stop = start + self.at_once
            try:
                done.append(self._once(forward, [array[start:stop] for array in inputs]))
            except (RuntimeError, MemoryError) as error:
                if self.at_once == 1 or not _out_of_memory(error):
                    raise
                self._halve()
                continue
            start = stop
        return np.concatenate(done)

    def _once(self, forward: Callable[..., Array], inputs: Sequence[Arrays]) -> Floats:
        with self.backend.inference():
            arrays = (array if isinstance(array, np.ndarray) else np.stack(array) for array in inputs)
            return self.backend.floats(forward(*map(self.backend.array, arrays)))

    def _halve(self) -> None:
        self.at_once //= 2
        _log.warning("out of memory: going on with %d inputs at a time", self.at_once)
        self.backend.make_room()


def _out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or "memory" in str(error)


def normalised(pixels: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return uint8 pixels `(n, h, w, 3)` as the floats that a model takes, `(n, 3, h, w)`."""
    import torch

    scaled = pixels.permute(0, 3, 1, 2).to(torch.float32) / 255
    shape = (1, -1, 1, 1)
    means, stds = (torch.tensor(values, device=pixels.device).view(shape) for values in (mean, std))
    return (scaled - means) / stds
