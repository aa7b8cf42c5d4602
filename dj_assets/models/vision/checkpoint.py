"""Read the files of a checkpoint's folder, in the layouts of Hugging Face and open_clip."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dj_assets.errors import UserError

Weights = Mapping[str, np.ndarray]

_FIX = "get the whole checkpoint with 'dj-assets models pull'"
OPEN_CLIP_CONFIG = "open_clip_config.json"
# Best first: safetensors hold only numbers; pickles are read in a mode that accepts only numbers.
WEIGHTS = (
    "model.safetensors",
    "open_clip_model.safetensors",
    "pytorch_model.bin",
    "open_clip_pytorch_model.bin",
)


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """Return the content of a JSON file of a checkpoint.

    Raises
    ------
    UserError
        If the folder has no such file: the checkpoint is incomplete.
    """
    path = folder / name
    if not path.is_file():
        raise UserError(f"the model folder {folder} has no {name}; {_FIX}")
    return dict(json.loads(path.read_text("utf-8")))


def read_weights(folder: Path) -> Weights:
    """Return the weights of a checkpoint, keyed by name, as 32-bit floats.

    Raises
    ------
    UserError
        If the folder has no file of weights.
    """
    path = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if path is None:
        wanted = " or ".join(WEIGHTS[::2])
        raise UserError(f"the model folder {folder} has no weights ({wanted}); {_FIX}")
    weights = _safe(path) if path.suffix == ".safetensors" else _pickled(path)
    return {
        name: value.astype(np.float32, copy=False) if value.dtype.kind == "f" else value
        for name, value in weights.items()
    }


def _safe(path: Path) -> Weights:
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (KeyError, TypeError, ValueError):
        # NumPy lacks some of the narrow float types
        from safetensors.torch import load_file as load_tensors

        return _arrays(load_tensors(path))


def _pickled(path: Path) -> Weights:
    import torch

    return _arrays(torch.load(path, map_location="cpu", weights_only=True))


def _arrays(tensors: Mapping[str, Any]) -> Weights:
    return {
        name: (tensor.float() if tensor.is_floating_point() else tensor).numpy() for name, tensor in tensors.items()
    }
