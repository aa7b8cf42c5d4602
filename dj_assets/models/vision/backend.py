"""Backends of models: NumPy on the CPU, as fast as PyTorch there and loaded at once, else PyTorch."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from types import ModuleType

Floats = npt.NDArray[np.float32]
# An array of NumPy or a tensor of PyTorch: both have the same arithmetic, slices and reshaping.
Array = Any
# The number of attention scores that are held in memory at a time.
_SCORES = 1 << 22


class Backend(Protocol):
    """Steps of a transformer that the libraries write differently. Floats have 32 bits."""

    def inference(self) -> AbstractContextManager[object]:
        """Return the context in which models run."""

    def array(self, values: np.ndarray) -> Array:
        """Move an array to the device of the backend; bytes become floats."""

    def floats(self, values: Array) -> Floats:
        """Return an array of the backend as an array of NumPy."""

    def joined(self, parts: list[Array], axis: int) -> Array:
        """Return concatenated arrays."""

    def picked(self, values: Array, indices: Array) -> Array:
        """Return one row of each sample, `(n, d)` of `(n, t, d)`; `indices` has one index per sample."""

    def linear(self, x: Array, weight: Array, bias: Array | None) -> Array:
        """Return x times the transposed weight, plus the bias."""

    def layer_norm(self, x: Array, weight: Array, bias: Array, epsilon: float) -> Array:
        """Return x normalised along its last axis to mean 0 and variance 1, then scaled and shifted."""

    def gelu(self, x: Array) -> Array:
        """Return x Φ(x); x may be overwritten."""

    def quick_gelu(self, x: Array) -> Array:
        """Return x times the sigmoid of 1.702 x; x may be overwritten."""

    def softmax(self, x: Array) -> Array:
        """Return the softmax of x along its last axis; x may be overwritten."""

    def unit(self, x: Array) -> Array:
        """Return x normalised along its last axis to length 1."""

    def attention(self, query: Array, key: Array, value: Array, hidden: Array | None) -> Array:
        """Return the attention of queries to keys and values, all `(n, heads, t, d)`; `hidden` positions are masked."""

    def make_room(self) -> None:
        """Release cached memory."""


class NumpyBackend:
    """Backend of NumPy, with kernels for missing functions."""

    def inference(self) -> AbstractContextManager[object]:
        """Return a context in which exponentials may overflow: a quotient by infinity is 0."""
        return np.errstate(over="ignore")

    def array(self, values: np.ndarray) -> Array:
        """Return the array; bytes become floats."""
        return values.astype(np.float32) if values.dtype == np.uint8 else values

    def floats(self, values: Array) -> Floats:
        """Return the array."""
        return np.asarray(values, np.float32)

    def joined(self, parts: list[Array], axis: int) -> Array:
        """Return concatenated arrays."""
        return np.concatenate(parts, axis)

    def picked(self, values: Array, indices: Array) -> Array:
        """Return one row of each sample."""
        return values[np.arange(len(values)), indices]

    def linear(self, x: Array, weight: Array, bias: Array | None) -> Array:
        """Return x times the transposed weight, plus the bias."""
        output = x.reshape(-1, x.shape[-1]) @ weight.T
        if bias is not None:
            output += bias
        return output.reshape(*x.shape[:-1], len(weight))

    def layer_norm(self, x: Array, weight: Array, bias: Array, epsilon: float) -> Array:
        """Return x normalised by a kernel."""
        from dj_assets.kernels.layers import layer_norm

        rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
        output = np.empty_like(rows)
        layer_norm(rows, weight, bias, epsilon, output)
        return output.reshape(x.shape)

    def gelu(self, x: Array) -> Array:
        """Return x Φ(x), computed by a kernel in place."""
        from dj_assets.kernels.layers import gelu

        gelu(x.reshape(-1))
        return x

    def quick_gelu(self, x: Array) -> Array:
        """Return x times the sigmoid of 1.702 x, computed in place."""
        below = np.multiply(x, np.float32(-1.702))
        np.exp(below, below)
        below += 1
        x /= below
        return x

    def softmax(self, x: Array) -> Array:
        """Return the softmax of x, computed in place."""
        x -= x.max(-1, keepdims=True)
        np.exp(x, x)
        x /= x.sum(-1, keepdims=True)
        return x

    def unit(self, x: Array) -> Array:
        """Return x normalised to length 1; zero vectors stay zero."""
        return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), np.float32(1e-12))

    def attention(self, query: Array, key: Array, value: Array, hidden: Array | None) -> Array:
        """Return the attention of queries, for some samples at a time: the scores take the most memory."""
        output = np.empty((*query.shape[:3], value.shape[-1]), np.float32)
        each = query.shape[1] * query.shape[2] * key.shape[2]
        step = max(1, _SCORES // each)
        for start in range(0, len(query), step):
            part = slice(start, start + step)
            scores = (query[part] * np.float32(query.shape[-1] ** -0.5)) @ key[part].swapaxes(-1, -2)
            if hidden is not None:
                scores[np.broadcast_to(hidden[part] if len(hidden) > 1 else hidden, scores.shape)] = -np.inf
            np.matmul(self.softmax(scores), value[part], out=output[part])
        return output

    def make_room(self) -> None:
        """Do nothing: NumPy caches no memory."""


class TorchBackend:
    """Backend of PyTorch on a device, in half precision if requested."""

    def __init__(self, device: str, *, half: bool = False) -> None:
        self.device = device
        self.half = half

    def inference(self) -> AbstractContextManager[object]:
        """Return a context without gradients, and with half precision if requested."""
        import torch

        stack = ExitStack()
        stack.enter_context(torch.inference_mode())
        stack.enter_context(
            torch.autocast(self.device.partition(":")[0], torch.float16) if self.half else nullcontext()
        )
        return stack

    def array(self, values: np.ndarray) -> Array:
        """Return a tensor on the device; bytes are converted to floats there."""
        import torch

        tensor = torch.from_numpy(np.ascontiguousarray(values)).to(self.device)
        return tensor.float() if tensor.dtype == torch.uint8 else tensor

    def floats(self, values: Array) -> Floats:
        """Return a tensor as an array of NumPy."""
        array: Floats = values.float().cpu().numpy()
        return array

    def joined(self, parts: list[Array], axis: int) -> Array:
        """Return concatenated tensors."""
        import torch

        return torch.cat(parts, axis)

    def picked(self, values: Array, indices: Array) -> Array:
        """Return one row of each sample."""
        return values[indices.new_tensor(range(len(values))), indices]

    def linear(self, x: Array, weight: Array, bias: Array | None) -> Array:
        """Return x times the transposed weight, plus the bias."""
        return _functional().linear(x, weight, bias)

    def layer_norm(self, x: Array, weight: Array, bias: Array, epsilon: float) -> Array:
        """Return x normalised."""
        return _functional().layer_norm(x, weight.shape, weight, bias, epsilon)

    def gelu(self, x: Array) -> Array:
        """Return x Φ(x)."""
        return _functional().gelu(x)

    def quick_gelu(self, x: Array) -> Array:
        """Return x times the sigmoid of 1.702 x."""
        return x * (1.702 * x).sigmoid()

    def softmax(self, x: Array) -> Array:
        """Return the softmax of x, in full precision."""
        return x.float().softmax(-1)

    def unit(self, x: Array) -> Array:
        """Return x normalised to length 1."""
        return _functional().normalize(x, dim=-1)

    def attention(self, query: Array, key: Array, value: Array, hidden: Array | None) -> Array:
        """Return the attention of queries."""
        seen = None if hidden is None else ~hidden
        return _functional().scaled_dot_product_attention(query, key, value, seen)

    def make_room(self) -> None:
        """Release cached memory of a GPU."""
        import torch

        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()


@cache
def _functional() -> ModuleType:
    from torch.nn import functional

    return functional
