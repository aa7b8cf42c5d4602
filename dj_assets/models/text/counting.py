"""Count the calls of language models while they are made, for progress, reports and expected costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class CallCounts:
    """Hold the sums over the questions of a step.

    Of `prompts` questions, `kept` were answered in an earlier run, and `failed` got no answer. Tokens and `seconds` are
    those of new answers. `model` is the model that was asked.

    Examples
    --------
    >>> total = CallCounts("m", prompts=3, kept=1, tokens_in=70) + CallCounts("m", prompts=1, tokens_in=30)
    >>> total.asked, total.tokens_in, CallCounts.of_json(total.as_json()) == total
    (3, 100, True)
    """

    model: str = ""
    prompts: int = 0
    kept: int = 0
    failed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0

    @property
    def asked(self) -> int:
        """Return how many questions a model was asked."""
        return self.prompts - self.kept

    @property
    def tokens(self) -> int:
        """Return the tokens into the model and out of it."""
        return self.tokens_in + self.tokens_out

    def __add__(self, other: CallCounts) -> CallCounts:
        return CallCounts(
            other.model or self.model,
            self.prompts + other.prompts,
            self.kept + other.kept,
            self.failed + other.failed,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.seconds + other.seconds,
        )

    def as_json(self) -> dict[str, Any]:
        """Return the sums for a manifest."""
        return {**vars(self), "seconds": round(self.seconds, 3)}

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> CallCounts:
        """Return the sums of a manifest."""
        return cls(**content)


@dataclass
class Counted:
    """Hold the calls that were counted since `counting` began, by the model that was asked."""

    by_model: dict[str, CallCounts] = field(default_factory=dict)


_counted: ContextVar[Counted | None] = ContextVar("counted", default=None)


@contextmanager
def counting() -> Iterator[Counted]:
    """Count the calls of this thread inside of the `with` block."""
    counted = Counted()
    token = _counted.set(counted)
    try:
        yield counted
    finally:
        _counted.reset(token)


def count(counts: CallCounts) -> None:
    """Add to the calls that are being counted, if any are."""
    counted = _counted.get()
    if counted is not None and counts.prompts:
        counted.by_model[counts.model] = counted.by_model.get(counts.model, CallCounts()) + counts


def summed(parts: Iterable[Mapping[str, CallCounts]]) -> dict[str, CallCounts]:
    """Return the sums of counts by the labels of their steps."""
    sums: dict[str, CallCounts] = {}
    for part in parts:
        for label, counts in part.items():
            sums[label] = sums.get(label, CallCounts()) + counts
    return sums
