"""Score the media of a batch with models: each distinct file once, shared by all operators that need it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
import pyarrow as pa

from dj_assets.models import load
from dj_assets.operators.views.crops import Crop, FrameCrops
from dj_assets.operators.views.media_batch import media

if TYPE_CHECKING:
    from dj_assets.models.vision.backend import Floats
    from dj_assets.models.vision.pixels import Uint8s
    from dj_assets.operators.batch import Batch

T = TypeVar("T")
Reduction = Literal["avg", "max", "min"]
Model = Callable[[Sequence["Uint8s"]], "Floats"]
LISTS = pa.list_(pa.float64())
_REDUCE: Mapping[str, Callable[[Sequence[float]], float]] = {
    "avg": lambda values: sum(values) / len(values),
    "max": max,
    "min": min,
}


def reduced(values: Sequence[float], mode: Reduction) -> float:
    """Return the mean, the greatest or the least of some values; 0.0 if there are none."""
    return _REDUCE[mode](values) if values else 0.0


def of_distinct(paths: Sequence[str], values: Sequence[T]) -> list[T]:
    """Return one value for each distinct path, in the order of first occurrence."""
    return list(dict(zip(paths, values, strict=True)).values())


def lists(values: Sequence[Sequence[float]]) -> pa.Array:
    """Return an Arrow array with one list of numbers for each sample."""
    return pa.array(values, LISTS)


def over_images(batch: Batch, feature: Crop, model: str, scores: Model) -> list[list[np.ndarray]]:
    """Return the output of a model for every listed image, nested like the paths; `model` is the cache key."""

    def compute() -> list[list[np.ndarray]]:
        """Score every distinct image."""
        crops = media(batch).values("images", feature)
        distinct = {id(crop): crop for sample in crops for crop in sample}
        scored = dict(zip(distinct, scores(list(distinct.values())), strict=True)) if distinct else {}
        return [[scored[id(crop)] for crop in sample] for sample in crops]

    return batch.derive((model, feature), compute)


def over_frames(batch: Batch, feature: FrameCrops, model: str, scores: Model) -> list[list[np.ndarray]]:
    """Return the output of a model for the frames of every listed clip, one array `(frames, ...)` for each clip."""

    def compute() -> list[list[np.ndarray]]:
        """Score the frames of every distinct clip."""
        clips = media(batch).values("videos", feature)
        distinct = {id(frames): frames for sample in clips for frames in sample}
        crops = [crop for frames in distinct.values() for crop in frames]
        ends = np.cumsum([len(frames) for frames in distinct.values()])[:-1]
        scored = dict(zip(distinct, np.split(scores(crops), ends), strict=True)) if crops else {}
        nothing = np.empty(0, np.float32)
        return [[scored.get(id(frames), nothing) for frames in sample] for sample in clips]

    return batch.derive((model, feature), compute)


def text_vectors(batch: Batch, path: Path, texts: Sequence[str]) -> Mapping[str, np.ndarray]:
    """Return the CLIP vector of every distinct text, cached in the batch."""
    known: dict[str, np.ndarray] = batch.derive(("clip texts", path), dict)
    new = [text for text in dict.fromkeys(texts) if text not in known]
    if new:
        known.update(zip(new, load.clip(path).encode_texts(new), strict=True))
    return known
