"""Define the base class of operators that change texts at random, by libraries that draw from global state."""

from __future__ import annotations

import hashlib
import random
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
from pydantic import PositiveInt

from dj_assets.errors import SampleError
from dj_assets.operators.base import Expander
from dj_assets.operators.batch import Batch

# The libraries try a text again and again until it has changed.
MOST_CHARACTERS = 100_000


class AugmentedTexts(Expander):
    """Make samples with other versions of each text, by every method that is on, or by all in a row (`sequential`).

    The new samples, children, stay next to the original one, or replace it. With `sequential`, `aug_num` versions are
    made, else as many by each method. The text decides what is drawn: every run makes the same versions. A text of more
    than 100,000 characters is quarantined.
    """

    sequential: bool = False
    aug_num: PositiveInt = 1
    keep_original_sample: bool = True

    @property
    def keeps_parents(self) -> bool:
        """Return whether the original sample stays."""
        return self.keep_original_sample

    @property
    @abstractmethod
    def chosen(self) -> tuple[str, ...]:
        """Return the names of the methods that are on, in the order of their use."""

    @abstractmethod
    def load(self) -> None:
        """Load the methods that are on; this may draw, too."""

    @abstractmethod
    def versions(self, text: str) -> Sequence[str]:
        """Return the new versions of a text; draw from `random` and `numpy.random`."""

    def expand(self, batch: Batch) -> pa.ListArray:
        """Return the versions of every text."""
        if self.chosen:
            with drawn_by(""):
                self.load()
        versions = [self._versions(text) if self.chosen else [] for text in batch.text.to_pylist()]
        return pa.array(versions, pa.list_(pa.string()))

    def _versions(self, text: str) -> list[str]:
        if len(text) > MOST_CHARACTERS:
            raise SampleError(f"has {len(text):,} characters; texts of at most {MOST_CHARACTERS:,} are changed")
        with drawn_by(text):
            return list(self.versions(text))


@contextmanager
def drawn_by(text: str) -> Iterator[None]:
    """Let `random` and `numpy.random` draw the same for the same text, and leave their state as it was."""
    before, before_numpy = random.getstate(), np.random.get_state()
    seed = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:4])
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(before_numpy)
