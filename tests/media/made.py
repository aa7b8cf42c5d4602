"""Small images and clips, made as tests need them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np


def pixels(width: int, height: int, seed: int = 0) -> np.ndarray:
    """A smooth picture with some grain: `uint8`, shape `(height, width, 3)`."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [127 + 90 * np.sin((x * (seed % 5 + 1) + y * channel) / 17 + seed) for channel in (1, 2, 3)]
    return np.clip(np.stack(waves, -1) + rng.normal(0, 6, (height, width, 3)), 0, 255).astype(np.uint8)


def image(path: Path, width: int = 64, height: int = 48, seed: int = 0, **saving: object) -> Path:
    """Write an image in the format of its suffix."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(width, height, seed)).save(path, **saving)
    return path


def clip(
    path: Path,
    frames: int = 20,
    *,
    width: int = 96,
    height: int = 64,
    fps: int = 10,
    stamps: Sequence[int] | None = None,
    gop: int = 8,
    seed: int = 0,
) -> Path:
    """Write a clip whose picture moves to the right; `stamps` are when its frames are shown, in milliseconds."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    wide = pixels(width + 3 * frames, height, seed)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"g": str(gop), "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        if stamps is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(wide[:, 3 * number :][:, :width]), format="rgb24")
            if stamps is not None:
                frame.pts, frame.time_base = stamps[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
