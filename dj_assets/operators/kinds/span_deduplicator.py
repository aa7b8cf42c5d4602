"""Remove runs of sentences or paragraphs that occur more than once in a corpus, for several deduplicators."""

from __future__ import annotations

import hashlib
import unicodedata
from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import Field

from dj_assets.operators.base import ELSEWHERE, CorpusMapper
from dj_assets.operators.batch import Batch

ROW = "row"


class Cut(NamedTuple):
    """Hold a span that is removed from a text: its key, its text, and whether it stays earlier in the same text."""

    key: int
    text: str
    in_same: bool


class SpanDeduplicator(CorpusMapper):
    """Keep the first of equal spans of a corpus: runs of `span` adjacent units of a text, such as sentences.

    With `keep_first`, a span stays where it occurs first, in the first sample that the operators before keep, and is
    removed everywhere else. Otherwise spans that more than `frequency_threshold` samples have are removed from all.
    """

    frequency_threshold: int = Field(1, ge=1)
    keep_first: bool = True
    lowercase: bool = False
    ignore_special_character: bool = False
    min_length: int = Field(1, ge=1)

    @property
    def keeps_first(self) -> bool:
        """Return whether a span stays in the first sample that has it."""
        return self.keep_first

    @property
    @abstractmethod
    def span(self) -> int:
        """Return the number of units that are compared together."""

    @abstractmethod
    def units(self, text: str) -> list[str]:
        """Return the units of a text in order; joined, they are the text again."""

    def counting_parameters(self) -> dict[str, object]:
        """Return the parameters that affect the keys of a sample."""
        return {name: value for name, value in super().counting_parameters().items() if name != "keep_first"}

    def count(self, batch: Batch) -> pa.Array:
        """Return the keys of the spans of every text, each once."""
        keys = [self._keys(self.units(text)) for text in batch.text.to_pylist()]
        return pa.array(
            [list(dict.fromkeys(key for key in own if key is not None)) for own in keys], pa.list_(pa.uint64())
        )

    def rewrite(self, batch: Batch, frequent: np.ndarray) -> Batch:
        """Return the batch without the spans that are to be removed from it."""
        texts = batch.text.to_pylist()
        cuts = self.cuts(batch, frequent)
        if not any(removed for removed, _ in cuts):
            return batch
        left = [self._left(text, removed) if removed else text for text, (removed, _) in zip(texts, cuts, strict=True)]
        return batch.with_text(pa.array(left, pa.string()))

    def cuts(self, batch: Batch, frequent: np.ndarray) -> list[tuple[set[int], list[Cut]]]:
        """Return the indices of the units that are removed from every text, and the spans for which they are."""
        units = [self.units(text) for text in batch.text.to_pylist()]
        keys = [self._keys(own) for own in units]
        wanted = np.unique(np.fromiter((key for own in keys for key in own if key is not None), np.uint64))
        homes = _homes(wanted, frequent)
        rows = batch.rows.column(ROW).to_pylist() if ROW in batch.rows.schema.names else range(len(batch))
        return [self._cut(own, of, homes, row) for own, of, row in zip(units, keys, rows, strict=True)]

    def _cut(
        self, units: Sequence[str], keys: Sequence[int | None], homes: Mapping[int, int], row: int
    ) -> tuple[set[int], list[Cut]]:
        removed: set[int] = set()
        stays: set[int] = set()
        cuts: list[Cut] = []
        first_places: dict[int, int] = {}
        for first, key in enumerate(keys):
            if key is None:
                continue
            is_home = self.keep_first and homes.get(key, row) == row
            span = range(first, first + self.span)
            earlier = first_places.setdefault(key, first)
            if not is_home and key in homes:
                removed.update(span)
                cuts.append(Cut(key, "".join(units[first : first + self.span]).strip(), in_same=False))
            elif earlier < first and self.keep_first:
                removed.update(span)
                stays.update(range(earlier, earlier + self.span))
                cuts.append(Cut(key, "".join(units[first : first + self.span]).strip(), in_same=True))
            elif key in homes:
                stays.update(span)
        # the copy that stays is whole, whatever overlaps it
        return removed - stays, cuts

    def _left(self, text: str, removed: Collection[int]) -> str:
        return "".join(unit for index, unit in enumerate(self.units(text)) if index not in removed).strip()

    def _keys(self, units: Sequence[str]) -> list[int | None]:
        """Return the key of the span that begins at each unit, None for one that is too short."""
        return [*self._spans([self._normalized(unit) for unit in units])]

    def _spans(self, units: Sequence[str]) -> Iterator[int | None]:
        for first in range(len(units) - self.span + 1):
            span = units[first : first + self.span]
            short = not all(span) or sum(map(len, span)) < self.min_length
            yield None if short else _key("\n".join(span))

    def _normalized(self, unit: str) -> str:
        if self.lowercase:
            unit = unit.lower()
        if self.ignore_special_character:
            unit = "".join(character for character in unit if character.isalnum() or _is_mark(character))
        return " ".join(unit.split())


def _is_mark(character: str) -> bool:
    """Return whether a character belongs to the letter before it, as vowels of Hindi do."""
    return character > "\u02ff" and unicodedata.category(character).startswith("M")


def _key(span: str) -> int:
    return int.from_bytes(hashlib.md5(span.encode()).digest()[:8])  # noqa: S324 - identifies spans, no security


def _homes(keys: np.ndarray, frequent: np.ndarray) -> Mapping[int, int]:
    """Return the frequent ones among keys, each with the row of the sample where it stays, `ELSEWHERE` if not here."""
    known = frequent[:, 0] if frequent.ndim > 1 else frequent
    if not len(known) or not len(keys):
        return {}
    indices = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    found = known[indices] == keys
    rows = frequent[indices[found], 1] if frequent.ndim > 1 else np.full(int(found.sum()), ELSEWHERE)
    return dict(zip(keys[found].tolist(), rows.tolist(), strict=True))
