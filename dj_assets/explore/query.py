"""Which samples of a run a page shows, and in which order: a query as the address of the page holds it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from dj_assets.errors import UserError
from dj_assets.explore.axes import PART, axis, tally
from dj_assets.explore.samples import Mask, Numbers, Samples

Positions = npt.NDArray[np.int64]


class Query(BaseModel):
    """The filters of the table of samples, and its order. Empty filters choose all samples.

    `ranges` are closed, None is an open end. `names` lists the chosen values of text statistics and record fields.
    `text` is searched in the cleaned texts. `runs` names an earlier run and chooses the samples that are gained or lost
    since then. `moved` has changed thresholds by operator index, and chooses what they gain or lose. The order is that
    of the source, of the statistic `sort`, or random with `seed`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    files: tuple[int, ...] = ()
    created: bool = False
    ranges: Mapping[str, tuple[float | None, float | None]] = {}
    names: Mapping[str, tuple[str, ...]] = {}
    text: str = ""
    labels: tuple[str, ...] = ()
    run: str = ""
    moved: Mapping[int, Mapping[str, int | float]] = {}
    change: str = ""
    sort: str = ""
    descending: bool = False
    seed: int | None = None

    @classmethod
    def of(cls, asked: object) -> Self:
        """Return a query from JSON.

        Raises
        ------
        UserError
            If it is not a query.
        """
        try:
            return cls.model_validate(asked)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise UserError(f"the query in the address: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None

    def filters_key(self) -> str:
        """Return a key that two queries with the same filters share, whatever their order."""
        return json.dumps(self.model_dump(exclude={"sort", "descending", "seed"}), sort_keys=True)


@dataclass(frozen=True)
class Sources:
    """Where a query finds what the record of the run does not have: each returns the samples that it chooses."""

    text: Callable[[str], Mask]
    label: Callable[[str], Mask]
    run: Callable[[str, str], Mask]
    moved: Callable[[Mapping[int, Mapping[str, int | float]], str], Mask]
    names: Callable[[str], tuple[list[str], npt.NDArray[np.int32]]]
    created: Callable[[], Mask]


def chosen(samples: Samples, query: Query, sources: Sources) -> Mask:
    """Return the samples that a query chooses.

    Raises
    ------
    UserError
        If the run has no such statistic or field.
    """
    marks = np.ones(len(samples), bool)
    if query.kinds or query.operators or query.reasons:
        marks &= samples.with_outcome(
            lambda outcome: (
                (not query.kinds or outcome.kind in query.kinds)
                and (not query.operators or outcome.operator in query.operators)
                and (not query.reasons or outcome.reason in query.reasons)
            )
        )
    if query.files:
        of_files = np.zeros(len(samples), bool)
        for number in query.files:
            of_files[samples.of_file(number)] = True
        marks &= of_files
    if query.created:
        marks &= sources.created()
    for name, (low, high) in query.ranges.items():
        marks &= between(_statistic(samples, name), low, high)
    for name, wanted in query.names.items():
        known, codes = sources.names(name)
        marks &= np.isin(codes, [index for index, value in enumerate(known) if value in wanted])
    if query.labels:
        marks &= np.logical_or.reduce([sources.label(label) for label in query.labels])
    if query.run:
        marks &= sources.run(query.run, query.change)
    elif query.moved:
        marks &= sources.moved(query.moved, query.change)
    # last, because it needs the texts
    return marks & sources.text(query.text) if query.text else marks


def between(values: Numbers, low: float | None, high: float | None) -> Mask:
    """Return the samples with a value in a closed range; those without a value are in none."""
    marks = np.ones(len(values), bool) if low is None else values >= low
    if high is not None:
        marks &= values <= high
    return marks & ~np.isnan(values) if low is None and high is None else marks


def window(samples: Samples, query: Query, marks: Mask, size: tuple[int, int], total: int) -> Positions:
    """Return the positions of the chosen samples from one number up to another, in the order of the query.

    `total` is the number of chosen samples. Only this window is put into order, so that the end of ten million samples
    is as near as their beginning. Samples without a finite value are last, equal ones are in the order of the source.
    """
    start, end = size[0], min(size[1], total)
    if start >= end:
        return np.zeros(0, np.int64)
    if query.seed is not None:
        return nth(marks, shuffled(total, query.seed, start, end))
    if query.sort:
        return _by_statistic(samples, query, marks, start, end)
    numbers = np.arange(start, end)
    return nth(marks, total - 1 - numbers if query.descending else numbers)


def nth(marks: Mask, numbers: Positions) -> Positions:
    """Return the positions of the marked samples with some numbers, counted from 0; a part of the marks at a time."""
    starts = range(0, len(marks), PART)
    counts = np.array([np.count_nonzero(marks[start : start + PART]) for start in starts])
    ends = np.cumsum(counts)
    parts = np.searchsorted(ends, numbers, side="right")
    positions = np.zeros(len(numbers), np.int64)
    for part in np.unique(parts):
        inside = np.flatnonzero(marks[part * PART : (part + 1) * PART])
        own = parts == part
        positions[own] = part * PART + inside[numbers[own] - (ends[part] - counts[part])]
    return positions


def _by_statistic(samples: Samples, query: Query, marks: Mask, start: int, end: int) -> Positions:
    """Return a window in the order of a statistic: only the bins of its histogram that hold the window are sorted."""
    values, own = _statistic(samples, query.sort), axis(samples, samples.columns[query.sort])
    if own is None:
        numbers = np.arange(start, end)
        return nth(marks, numbers)
    # the last bin, of samples without a value, stays the last
    bins = np.arange(own.scale.bins + 1)
    order = np.append(bins[:-1][::-1], bins[-1]) if query.descending else bins
    ends = np.cumsum(tally(own.bins, len(bins), marks)[order])
    first, last = (int(at) for at in np.searchsorted(ends, (start, end - 1), side="right"))
    wanted = np.zeros(len(bins), bool)
    wanted[order[first : last + 1]] = True
    positions = np.flatnonzero(marks & wanted[own.bins])
    keys = values[positions]
    keys = np.where(np.isfinite(keys), -keys if query.descending else keys, np.inf)
    before = int(ends[first - 1]) if first else 0
    return positions[ordered(keys, start - before, end - before)]


def ordered(keys: Numbers, start: int, end: int) -> Positions:
    """Return the indices of the keys that are from `start` up to `end` in a stable order, without sorting the rest."""
    # two partitions at one place each are ten times as fast as one at both
    upper = np.partition(keys, start)[start:]
    low, high = upper[0], np.partition(upper, end - 1 - start)[end - 1 - start]
    first = int(np.count_nonzero(keys < low))
    lowest, inner = np.flatnonzero(keys == low), np.flatnonzero((keys > low) & (keys < high))
    inner = inner[np.argsort(keys[inner], kind="stable")]
    highest = np.flatnonzero(keys == high) if high > low else np.zeros(0, np.int64)
    return np.concatenate([lowest, inner, highest])[start - first : end - first]


def shuffled(size: int, seed: int, start: int, end: int) -> Positions:
    """Return the places `start` up to `end` of a pseudo-random order of `size` numbers, the same for the same seed.

    It is a permutation by a Feistel network of four rounds, so that a place needs none of the others; a number beyond
    `size` is permuted again.
    """
    half = max(1, (max(1, size - 1).bit_length() + 1) // 2)
    numbers = np.arange(start, end, dtype=np.uint64)
    outside = np.ones(len(numbers), bool)
    while outside.any():
        numbers[outside] = _permuted(numbers[outside], seed, np.uint64(half))
        outside = numbers >= size
    return numbers.astype(np.int64)


def _permuted(numbers: npt.NDArray[np.uint64], seed: int, half: np.uint64) -> npt.NDArray[np.uint64]:
    low_bits = (np.uint64(1) << half) - np.uint64(1)
    left, right = numbers >> half, numbers & low_bits
    for turn in range(4):
        key = np.uint64((seed * 0x9E3779B97F4A7C15 + turn * 0x632BE59BD9B4E019) % 2**64)
        mixed = (right + key) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0x94D049BB133111EB)
        left, right = right, (left ^ (mixed >> np.uint64(31))) & low_bits
    return (left << half) | right


def _statistic(samples: Samples, name: str) -> Numbers:
    column = samples.columns.get(name)
    if column is None or not column.is_numeric:
        known = ", ".join(name for name, column in samples.columns.items() if column.is_numeric)
        raise UserError(f"the run has no numeric statistic {name!r}; it has {known or 'none'}")
    return samples.numbers(name)
