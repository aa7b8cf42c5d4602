"""Measure what each step costs: seconds, and calls of language models."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from dj_assets.models.text.counting import CallCounts, counting


class StepCosts:
    """Hold the seconds of every step by its label, and the calls of those that ask a language model.

    The calls of a second model stand under the label and its name.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, CallCounts] = {}

    @contextmanager
    def of(self, label: str) -> Iterator[None]:
        """Measure the `with` block as the work of a step."""
        started = time.perf_counter()
        with counting() as counted:
            yield
        self.seconds[label] = time.perf_counter() - started
        for number, counts in enumerate(counted.by_model.values()):
            self.calls[label if number == 0 else f"{label}: {counts.model}"] = counts
