"""Where models run: a GPU where there is one, in half precision, else the CPU; and how many inputs at a time."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dj_assets import settings

if TYPE_CHECKING:
    from torch import Tensor

_log = logging.getLogger(__name__)
Floats = npt.NDArray[np.float32]
Arrays = Sequence[np.ndarray] | np.ndarray
_AT_ONCE_ON_CPU, _AT_ONCE_ON_GPU = 16, 256
# Held to the end of the process: they tell other processes which GPU is taken.
_claims: list[Any] = []


@dataclass(frozen=True)
class Device:
    """A device by PyTorch's name for it, and whether models run there in half precision."""

    name: str = "cpu"
    half: bool = False

    def inference(self) -> AbstractContextManager[object]:
        """Return the context in which models run: without gradients, and in half precision where that is wanted."""
        import contextlib

        import torch

        stack = contextlib.ExitStack()
        stack.enter_context(torch.inference_mode())
        if self.half:
            stack.enter_context(torch.autocast(self.name.partition(":")[0], torch.float16))
        return stack


@cache
def device() -> Device:
    """Return the device of this process: `DJ_DEVICE`, else a GPU that no other process took, else the CPU.

    With more processes than GPUs the later ones share; the first on each has it to itself.
    """
    import torch

    given = settings.device()
    if given is not None and given != "cuda":
        return Device(given, half=given.startswith("cuda"))
    if not torch.cuda.is_available():
        return Device()
    return Device(f"cuda:{_claimed(torch.cuda.device_count())}", half=True)


def _claimed(count: int) -> int:
    """Return the number of the first GPU without a process of ours, or one by the process number where all have."""
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
    """Runs a model over as many inputs at a time as memory allows: halved, for good, whenever it runs out."""

    def __init__(self, on: Device, at_once: int | None = None) -> None:
        self.on = on
        self.at_once = at_once or (_AT_ONCE_ON_CPU if on.name == "cpu" else _AT_ONCE_ON_GPU)

    def run(self, forward: Callable[..., Tensor], *inputs: Arrays) -> Floats:
        """Return the results of all inputs as one array, `(n, ...)`; there must be at least one input.

        Parameters
        ----------
        forward
            Takes one tensor for each of `inputs`, stacked, on the device.
        inputs
            Sequences of equal length `n`, of arrays of one shape each.
        """
        done: list[Floats] = []
        start = 0
        while start < len(inputs[0]):
            stop = start + self.at_once
            try:
                done.append(self._once(forward, [one[start:stop] for one in inputs]))
            except (RuntimeError, MemoryError) as error:
                if self.at_once == 1 or not _out_of_memory(error):
                    raise
                self._halve()
                continue
            start = stop
        return np.concatenate(done)

    def _once(self, forward: Callable[..., Tensor], inputs: Sequence[Arrays]) -> Floats:
        import torch

        with self.on.inference():
            tensors = (torch.from_numpy(np.stack(list(one))).to(self.on.name) for one in inputs)
            found: Floats = forward(*tensors).float().cpu().numpy()
        return found

    def _halve(self) -> None:
        import torch

        self.at_once //= 2
        _log.warning("out of memory on %s: going on with %d inputs at a time", self.on.name, self.at_once)
        if self.on.name.startswith("cuda"):
            torch.cuda.empty_cache()


def _out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or "memory" in str(error)


def normalised(pixels: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return uint8 pixels `(n, h, w, 3)` as the floats a model takes, `(n, 3, h, w)`."""
    import torch

    scaled = pixels.permute(0, 3, 1, 2).to(torch.float32) / 255
    shape = (1, -1, 1, 1)
    means, stds = (torch.tensor(values, device=pixels.device).view(shape) for values in (mean, std))
    return (scaled - means) / stds
