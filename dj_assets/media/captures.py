"""Decoders of frames for motion: OpenCV, and PyAV for clips whose codec OpenCV does not have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import ExitStack
from typing import ClassVar

import numpy as np

from dj_assets.errors import MediaError
from dj_assets.media.containers import open_container
from dj_assets.media.frames import PYAV, decoded, known, undecodable, upright
from dj_assets.media.handed import Content


class Capture(ABC):
    """Read the frames of the first video stream in order; it is closed after use.

    `fps` are the frames per second and `count` the frames as OpenCV reads both from a header.
    """

    name: ClassVar[str]
    fps: float
    count: int

    @abstractmethod
    def grab(self) -> bool:
        """Go to the next frame; return whether there is one."""

    @abstractmethod
    def retrieve(self) -> np.ndarray:
        """Return the frame as BGR, `uint8`, shape `(height, width, 3)`."""

    @abstractmethod
    def close(self) -> None:
        """Release the decoder."""


class OpenCvCapture(Capture):
    """Read a file by OpenCV, on which Data-Juicer's scores are based."""

    name = "OpenCV"

    def __init__(self, path: str) -> None:
        """Open the file.

        Raises
        ------
        MediaError
            If OpenCV cannot open it, or decode its first frame: without the codec, it opens the file.
        """
        import cv2

        cv2.setNumThreads(1)
        self._capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        if not self._capture.isOpened():
            raise MediaError("is no clip that can be read")
        self.fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self._ahead = self._capture.grab()
        if not self._ahead:
            self._capture.release()
            raise MediaError("has no frame that OpenCV can decode")

    def grab(self) -> bool:
        """Go to the next frame; return whether there is one."""
        ahead, self._ahead = self._ahead, False
        return ahead or self._capture.grab()

    def retrieve(self) -> np.ndarray:
        """Return the frame as BGR, `uint8`, shape `(height, width, 3)`."""
        frame: np.ndarray = self._capture.retrieve()[1]
        return frame

    def close(self) -> None:
        """Release the decoder."""
        self._capture.release()


class AvCapture(Capture):
    """Read a clip by PyAV."""

    name = PYAV

    def __init__(self, content: Content) -> None:
        """Open the clip.

        Raises
        ------
        MediaError
            If PyAV cannot open it, or decode a frame.
        """
        self._close = ExitStack()
        container = self._close.enter_context(open_container(content))
        stream = known(next(iter(container.streams.video), None))
        rate = stream.average_rate or stream.guessed_rate or 0
        seconds = float((stream.duration or 0) * (stream.time_base or 0)) or (container.duration or 0) / 1_000_000
        self.fps = float(rate)
        self.count = stream.frames or int(seconds * self.fps + 0.5)
        self._frames = decoded(container, stream)
        self._frame = next(self._frames, None)
        if self._frame is None:
            raise undecodable(stream)
        self._ahead = True

    def grab(self) -> bool:
        """Go to the next frame; return whether there is one."""
        ahead, self._ahead = self._ahead, False
        if not ahead:
            self._frame = next(self._frames, None)
        return self._frame is not None

    def retrieve(self) -> np.ndarray:
        """Return the frame as BGR, `uint8`, shape `(height, width, 3)`."""
        if self._frame is None:
            raise ValueError("there is no frame")
        return upright(self._frame, "bgr24")

    def close(self) -> None:
        """Release the decoder."""
        self._close.close()
