"""Progress of a long measure in the Dagster log, at most one line every few seconds."""

from __future__ import annotations

import logging
import time

from dj_assets.measure.progress import Progress
from dj_assets.subset import MeasureResult

EVERY_S = 5.0


class ProgressLog:
    """A callback for the progress of `Subset.measure`. The first line comes after `every_s` seconds."""

    def __init__(self, log: logging.Logger, every_s: float = EVERY_S) -> None:
        self.log = log
        self.every_s = every_s
        self.last = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        """Log one line if the last one is old enough."""
        now = time.monotonic()
        if now - self.last >= self.every_s:
            self.last = now
            self.log.info(str(progress))


def summary(result: MeasureResult) -> str:
    """Return the last line of a measure: samples, speed, and files that were already up to date."""
    if not result.files_measured:
        return f"{result.samples:,} samples in {result.files_reused} files: all measured before, nothing to do"
    took = f"{result.samples:,} samples in {result.seconds:.1f} s"
    if result.files_reused:
        return f"{took}: {result.files_measured} files measured, {result.files_reused} were up to date"
    seconds = max(result.seconds, 1e-9)
    return f"{took}: {result.samples / seconds:,.0f} samples/s, {result.text_bytes / 1e6 / seconds:.1f} MB/s"
