"""Progress of a long measure, as reported while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Hold the progress of a measure over all files.

    `file_bytes` counts bytes of the source files on disk (compressed), `text_bytes` counts bytes of measured text.
    `calls` and `tokens`, into and out of models, are those of language models in this run.
    """

    file: int
    files: int
    rows: int
    text_bytes: int
    file_bytes: int
    total_file_bytes: int
    seconds: float
    calls: int = 0
    tokens: int = 0

    @property
    def rows_per_s(self) -> float:
        """Return the number of samples measured per second."""
        return self.rows / self.seconds if self.seconds else 0.0

    @property
    def mb_per_s(self) -> float:
        """Return the megabytes (10^6 bytes) of text measured per second."""
        return self.text_bytes / 1e6 / self.seconds if self.seconds else 0.0

    @property
    def remaining_s(self) -> float:
        """Return the remaining seconds at this speed."""
        done = self.file_bytes / self.total_file_bytes if self.total_file_bytes else 1.0
        return self.seconds * (1 - done) / done if done else 0.0

    @property
    def tokens_per_s(self) -> float:
        """Return the tokens into and out of language models per second."""
        return self.tokens / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        called = f"{self.calls:,} calls, {self.tokens_per_s:,.0f} tokens/s, " if self.calls else ""
        return (
            f"file {self.file + 1}/{self.files}: {self.rows:,} samples, {self.rows_per_s:,.0f} samples/s, "
            f"{self.mb_per_s:.1f} MB/s, {called}{self.remaining_s:.0f} s to go"
        )


Report = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Report nothing."""
