"""What the tests of operators with models share: files to look at, tiny models, and an independent way to score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dj_assets.models.store import ModelStore
from dj_assets.models.vision.device import Device
from dj_assets.models.vision.pixels import preprocessing
from dj_assets.operators.base import Filter
from tests.media import samples

IMAGE, VIDEO, EOC = "<__dj__image>", "<__dj__video>", "<|__dj__eoc|>"
CPU = Device("cpu")


def write_images(folder: Path) -> list[str]:
    """Write three photographs of noise, of different shapes, and return their names."""
    random = np.random.default_rng(11)
    names = ["a.png", "b.png", "c.png"]
    for name, shape in zip(names, [(40, 60, 3), (64, 33, 3), (32, 32, 3)], strict=True):
        Image.fromarray(random.integers(0, 256, shape, np.uint8)).save(folder / name)
    return names


def write_clip(path: Path, seed: int, frames: int = 10, key_every: int = 4) -> None:
    """Write a clip whose every frame is another colour, with a key frame now and then."""
    import av

    shades = np.random.default_rng(seed).integers(0, 256, (frames, 2, 2, 3), np.uint8)
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=5, options={"g": str(key_every), "sc_threshold": "0", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for shade in shades:
            frame = av.VideoFrame.from_ndarray(np.kron(shade, np.ones((24, 32, 1), np.uint8)), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def frames_of(path: Path, numbers: Sequence[int]) -> list[Image.Image]:
    """Return frames of a clip by PyAV alone."""
    import av

    with av.open(path) as container:
        every = [frame.to_image() for frame in container.decode(video=0)]
    return [every[number] for number in numbers]


def measured(operator: Filter, folder: Path, models: ModelStore, *records: dict[str, Any]) -> list[list[float]]:
    """Return the only statistic of every sample."""
    found = operator.measure(samples(records, folder, models=models))
    [column] = found.values()
    return column.to_pylist()


def scored(kind: type, method: str, folder: Path, pictures: Sequence[Image.Image], *more: Any) -> np.ndarray:
    """Return what a model says of pictures, one at a time."""
    geometry = preprocessing(folder).geometry
    say: Callable[..., np.ndarray] = getattr(kind(folder, CPU), method)
    return np.concatenate([say([geometry.pixels(picture.convert("RGB"))], *more) for picture in pictures])
