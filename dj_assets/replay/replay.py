"""Replay a recipe as set operations over the measured files: SQL conditions, and clusters over signatures."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from dj_assets.operators.base import Deduplicator
from dj_assets.recipe.plan import Plan, Step
from dj_assets.replay.clusters import Duplicates, Links, SharedKeys, duplicates_by_value
from dj_assets.replay.judging import NEVER, first_events, segments_of
from dj_assets.replay.population import Population

KEPT = -1
# Kinds of measured files that are read for every source file.
REPLAYED = ("stats", "signatures")


@dataclass
class SampleOutcomes:
    """Hold the outcome of every measured sample.

    `outcome` is the index of the step that ended a sample, `KEPT` for a kept one; `quarantined` is true if the sample
    failed at that step. In `duplicates`, samples have their index among all samples. The numbers of kept duplicates
    count the `references` samples of the reference set first: a number below `references` is one of those. Cluster
    sizes include samples of the reference set.
    `short_texts` counts, for each deduplicator, the samples that it dropped only because they are too short for one
    shingle.
    """

    outcome: np.ndarray
    quarantined: np.ndarray
    references: int = 0
    duplicates: Duplicates = field(default_factory=lambda: Duplicates.joined([]))
    short_texts: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def kept(self) -> np.ndarray:
        """Return the mask of the kept samples."""
        kept: np.ndarray = self.outcome == KEPT
        return kept


def replay(plan: Plan, population: Population, links: Mapping[str, Links], threads: int = 1) -> SampleOutcomes:
    """Return the outcome of every sample: steps apply in recipe order, and the earliest event decides.

    `links` holds the links of every deduplicator, keyed by the name of its signature, over the reference set followed
    by the samples. Samples of the reference set take part in every deduplicator, also if a filter would drop them, and
    are always kept.
    """
    size = len(population)
    outcomes = SampleOutcomes(np.full(size, KEPT, np.int16), np.zeros(size, bool), len(population.reference))
    started = time.perf_counter()
    segments = segments_of(plan)
    events = first_events(segments, population.stats_files, population.failed_at, threads)
    outcomes.seconds["conditions"] = time.perf_counter() - started
    duplicates = []
    for segment, event in zip(segments, events, strict=True):
        end(outcomes.outcome, outcomes.quarantined, event, population.failed_at)
        if segment.deduplicator is not None:
            started = time.perf_counter()
            duplicates.append(
                _deduplicate(outcomes, population, segment.deduplicator, links[segment.deduplicator.signature])
            )
            outcomes.seconds[segment.deduplicator.label] = time.perf_counter() - started
    outcomes.duplicates = Duplicates.joined(duplicates)
    return outcomes


def end(outcome: np.ndarray, quarantined: np.ndarray, event: np.ndarray, failed_at: np.ndarray) -> None:
    """Set the outcomes of the samples still alive that an event of a segment ends, in place."""
    ended = (outcome == KEPT) & (event != NEVER)
    outcome[ended] = event[ended]
    quarantined[ended] = failed_at[ended] == event[ended]


def _deduplicate(outcomes: SampleOutcomes, population: Population, step: Step, links: Links) -> Duplicates:
    alive = np.concatenate((np.ones(outcomes.references, bool), outcomes.kept))
    keys = step.operator.short_text_keys if isinstance(step.operator, Deduplicator) else ()
    if isinstance(links, SharedKeys):
        duplicates = links.duplicates(alive)
        short = np.isin(duplicates.sample, links.holding(keys))
    else:
        signature = population.signatures[step.signature]
        if signature.mask is not np.ma.nomask:
            alive &= ~signature.mask
        duplicates = duplicates_by_value(signature.data, alive, links)
        short = np.isin(signature.data[duplicates.sample], np.array(keys, signature.dtype))
    in_subset = duplicates.sample >= outcomes.references
    sample = duplicates.sample[in_subset] - outcomes.references
    outcomes.outcome[sample] = step.index
    if keys:
        outcomes.short_texts[step.label] = int(short[in_subset].sum())
    return Duplicates(sample, duplicates.kept_duplicate[in_subset], duplicates.size[in_subset])
