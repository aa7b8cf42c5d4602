"""Short clips of the scenes: a camera that moves along a wide picture, encoded as H.264 in MP4."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from dj_assets.samples.scenes import Scene

if TYPE_CHECKING:
    from PIL.Image import Image

FPS = 8


@dataclass(frozen=True)
class SampleClip:
    """Hold the content of a clip: a scene, its duration, and the speed of the camera along it in pixels per second."""

    scene: Scene
    seconds: float = 3.0
    speed: int = 24
    width: int = 160
    height: int = 120

    @property
    def caption(self) -> str:
        """Return the scene in words, and the motion of the camera."""
        moving = "the camera moves past" if self.speed else "nothing moves"
        return f"{self.scene.caption}, {moving}."

    def frames(self) -> Iterator[Image]:
        """Yield the pictures in order."""
        count = max(1, round(self.seconds * FPS))
        way = round(self.speed * self.seconds)
        wide = self.scene.picture(self.width + way, self.height)
        for number in range(count):
            left = self.speed * number // FPS
            yield wide.crop((left, 0, left + self.width, self.height))

    def encoded(self) -> bytes:
        """Return the clip as a file; its bytes depend on the encoder, so shipped files are not made again."""
        import av
        import numpy as np

        file = io.BytesIO()
        with av.open(file, "w", format="mp4") as container:
            stream: Any = container.add_stream("libx264", rate=Fraction(FPS))
            stream.width, stream.height, stream.pix_fmt = self.width, self.height, "yuv420p"
            stream.options = {"crf": "30", "preset": "slow", "g": str(FPS)}
            for picture in self.frames():
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")))
            container.mux(stream.encode(None))
        return file.getvalue()
