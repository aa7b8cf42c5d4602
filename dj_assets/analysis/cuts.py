"""The spans that a deduplicator of sentences or paragraphs removes from one sample, and where they stay."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dj_assets.measure.first_samples import file_and_row, in_file
from dj_assets.measure.own_keys import seen_by
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.span_deduplicator import Cut, SpanDeduplicator

# Cuts that are shown, and characters of each.
_MOST, _LONGEST = 12, 200


def cuts_of(
    operator: SpanDeduplicator, sample: Batch, frequent: np.ndarray, shard: int, name: Callable[[int, int], str]
) -> tuple[str, ...]:
    """Return a sentence for each removed span of a sample.

    Parameters
    ----------
    sample
        The sample before the operator, as a batch of one.
    frequent
        The frequent keys of the corpus, with positions as in `subset.corpus`.
    shard
        The number of the sample's file.
    name
        Returns the id of the sample at a shard and row.
    """
    here = in_file(frequent, shard) if frequent.ndim > 1 else frequent
    ((_, cuts),) = operator.cuts(seen_by(operator, sample), here)
    lines = [f"cuts {_quoted(cut.text)}{_home(cut, frequent, name)}" for cut in cuts[:_MOST]]
    return (*lines, f"… and {len(cuts) - _MOST} more cuts") if len(cuts) > _MOST else tuple(lines)


def _home(cut: Cut, frequent: np.ndarray, name: Callable[[int, int], str]) -> str:
    if cut.in_same:
        return ", which stays earlier in this text"
    if frequent.ndim == 1:
        return ""
    index = np.searchsorted(frequent[:, 0], np.uint64(cut.key))
    return f", which stays in {name(*file_and_row(int(frequent[index, 1])))}"


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
