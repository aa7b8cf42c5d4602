"""Draw clips of moving people whose faces a detector finds, with tones as their voices: no person is shown."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

FPS, RATE = 25, 16_000
WIDTH, HEIGHT = 640, 360
Colour = tuple[int, int, int]
_BACKGROUND = (112, 124, 138)


@dataclass(frozen=True)
class Figure:
    """Hold a person: the width of the face in pixels, where it starts, how fast it moves, its colours and its voice.

    The mouth moves while the figure speaks, from and to a second. `pitch` is that of its tone in hertz.
    """

    x: float
    y: float = 130.0
    speed: float = 0.0
    face: int = 104
    skin: Colour = (215, 180, 150)
    shirt: Colour = (60, 90, 160)
    speaks: tuple[float, float] = (0.0, 0.0)
    pitch: float = 180.0


@dataclass(frozen=True)
class PeopleClip:
    """Hold the content of a clip: its figures and its seconds; `sounds` is false for a clip without sound."""

    name: str
    text: str
    figures: tuple[Figure, ...]
    seconds: float = 4.0
    sounds: bool = True

    def frame(self, number: int) -> np.ndarray:
        """Return a frame, RGB, `uint8`, shape `(360, 640, 3)`."""
        import cv2

        second = number / FPS
        picture = np.full((HEIGHT, WIDTH, 3), _BACKGROUND, np.uint8)
        picture[HEIGHT * 4 // 5 :] = (92, 78, 66)
        for figure in self.figures:
            x = figure.x + figure.speed * second
            y = figure.y + 5 * np.sin(5 * second)
            speaking = figure.speaks[0] <= second < figure.speaks[1]
            _draw(picture, figure, x, y, 0.5 + 0.5 * np.sin(24 * second) if speaking else 0.1)
        return cv2.GaussianBlur(picture, (0, 0), 1.2)

    def sound(self) -> np.ndarray:
        """Return the tones of all figures at 16 kHz, `int16`, shape `(n,)`."""
        times = np.arange(int(self.seconds * RATE)) / RATE
        whole = np.zeros(len(times))
        for figure in self.figures:
            loud = (times >= figure.speaks[0]) & (times < figure.speaks[1])
            whole += loud * (0.6 + 0.4 * np.sin(24 * times)) * np.sin(2 * np.pi * figure.pitch * times)
        return np.asarray(whole / max(1, len(self.figures)) * 20_000, np.int16)

    def encoded(self) -> bytes:
        """Return the clip as an MP4 file; its bytes depend on the encoder."""
        import av

        file = io.BytesIO()
        with av.open(file, "w", format="mp4") as container:
            seen: Any = container.add_stream("libx264", rate=Fraction(FPS))
            seen.width, seen.height, seen.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            seen.options = {"crf": "23", "preset": "veryfast"}
            heard: Any = container.add_stream("aac", rate=RATE, layout="mono") if self.sounds else None
            for number in range(round(self.seconds * FPS)):
                container.mux(seen.encode(av.VideoFrame.from_ndarray(self.frame(number), format="rgb24")))
            container.mux(seen.encode(None))
            if heard is not None:
                frame = av.AudioFrame.from_ndarray(self.sound()[None], format="s16", layout="mono")
                frame.sample_rate = RATE
                container.mux(heard.encode(frame))
                container.mux(heard.encode(None))
        return file.getvalue()


CLIPS = (
    PeopleClip("one", "One person walks and speaks.", (Figure(200, speed=45, speaks=(0.4, 3.4)),)),
    PeopleClip(
        "two",
        "Two people; the left one speaks.",
        (
            Figure(150, speed=18, speaks=(0.2, 3.0), pitch=220, shirt=(150, 60, 70)),
            Figure(470, speed=-18, skin=(180, 140, 110)),
        ),
    ),
    PeopleClip("silent", "One person without a sound.", (Figure(320, speed=-30, shirt=(70, 130, 80)),), sounds=False),
    PeopleClip("nobody", "An empty room.", (), seconds=3.0),
)


def write(folder: Path, clips: Sequence[PeopleClip] = CLIPS) -> Path:
    """Draw clips into a folder, unless they are there, and list them in a file of samples; return this file."""
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    for clip in clips:
        path = folder / "clips" / f"{clip.name}.mp4"
        if not path.exists():
            path.write_bytes(clip.encoded())
    listed = folder / "clips.jsonl"
    lines = [json.dumps({"videos": [f"clips/{clip.name}.mp4"], "text": clip.text}) for clip in clips]
    listed.write_text("\n".join([*lines, ""]), "utf-8")
    return listed


def _draw(picture: np.ndarray, figure: Figure, x: float, y: float, mouth: float) -> None:
    """Draw a body and a head into a picture; `mouth` is open from 0 to 1."""
    import cv2

    wide = figure.face
    dark, shade = (tuple(int(part * value) for value in figure.skin) for part in (0.55, 0.8))

    def oval(right: float, down: float, size: tuple[float, float], colour: Sequence[int], turn: float = 0) -> None:
        """Fill an ellipse, given its middle and half axes in widths of the face."""
        middle = (round(x + right * wide), round(y + down * wide))
        axes = (max(1, round(size[0] * wide)), max(1, round(size[1] * wide)))
        cv2.ellipse(picture, middle, axes, turn, 0, 360, colour, -1, cv2.LINE_AA)

    oval(0, 2.1, (0.95, 1.5), figure.shirt)
    oval(0, 0.6, (0.22, 0.3), shade)
    oval(0, -0.12, (0.56, 0.70), (50, 40, 30))
    oval(0, 0.02, (0.48, 0.64), figure.skin)
    for side in (-1, 1):
        oval(side * 0.2, -0.12, (0.13, 0.085), shade)
        oval(side * 0.2, -0.10, (0.095, 0.05), (235, 235, 235))
        oval(side * 0.2, -0.10, (0.045, 0.05), (20, 30, 40))
        oval(side * 0.2, -0.155, (0.11, 0.03), (60, 45, 40))
        oval(side * 0.2, -0.235, (0.14, 0.035), (50, 40, 35), side * 6)
        oval(side * 0.06, 0.16, (0.03, 0.022), dark)
        oval(side * 0.085, 0.06, (0.03, 0.12), shade, -side * 8)
    oval(0, 0.16, (0.07, 0.045), shade)
    oval(0, 0.37, (0.17, 0.045 + 0.06 * mouth), (150, 70, 70))
    oval(0, 0.37, (0.14, 0.008 + 0.05 * mouth), (50, 20, 30))
    oval(0, 0.47, (0.11, 0.025), shade)
