"""Replay a recipe as set operations over the measured files: SQL conditions, and clusters over signatures."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from dj_assets.home.identity import FROM_SOURCE
from dj_assets.operators.base import Deduplicator, Expander
from dj_assets.publish.database import NEVER_CREATED
from dj_assets.recipe.plan import Plan, Step
from dj_assets.replay.clusters import Duplicates, Links, SharedKeys, duplicates_by_value
from dj_assets.replay.judging import NEVER, first_events, segments_of
from dj_assets.replay.population import Children, Population
from dj_assets.replay.selecting import unselected

KEPT = -1
# Kinds of measured files that are read for every source file.
REPLAYED = ("stats", "signatures")


@dataclass
class SampleOutcomes:
    """Hold the outcome of every measured sample.

    `outcome` is the index of the step that ended a sample, `KEPT` for a kept one, `NEVER_CREATED` for the child of a
    sample that ended before; `quarantined` is true if the sample failed at that step. In `duplicates`, samples have
    their index among all samples. The numbers of kept duplicates count the `references` samples of the reference set
    first: a number below `references` is one of those. Cluster sizes include samples of the reference set.
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
    outcomes = SampleOutcomes(
        first_outcomes(size, population.children), np.zeros(size, bool), len(population.reference)
    )
    started = time.perf_counter()
    segments = segments_of(plan)
    events = first_events(segments, population.stats_files, population.failed_at, threads)
    outcomes.seconds["conditions"] = time.perf_counter() - started
    duplicates = []
    for segment, event in zip(segments, events, strict=True):
        end(outcomes.outcome, outcomes.quarantined, event, population.failed_at)
        if segment.last is None:
            continue
        started = time.perf_counter()
        if segment.deduplicator is not None:
            duplicates.append(
                _deduplicate(outcomes, population, segment.deduplicator, links[segment.deduplicator.signature])
            )
        elif segment.selector is not None:
            alive = np.flatnonzero(outcomes.kept)
            outcomes.outcome[unselected(segment.selector, alive, population, threads)] = segment.selector.index
        elif segment.expander is not None and population.children is not None:
            expand(outcomes.outcome, segment.expander, population.children)
        elif segment.grouper is not None and population.children is not None:
            group(outcomes.outcome, segment.grouper, population.children)
        outcomes.seconds[segment.last.label] = time.perf_counter() - started
    outcomes.duplicates = Duplicates.joined(duplicates)
    return outcomes


def first_outcomes(size: int, children: Children | None) -> np.ndarray:
    """Return the outcomes before the first step: records are kept, children not created."""
    if children is None:
        return np.full(size, KEPT, np.int16)
    return np.where(children.created_at == FROM_SOURCE, KEPT, NEVER_CREATED).astype(np.int16)


def expand(outcome: np.ndarray, step: Step, children: Children) -> None:
    """Set the outcomes of the samples still alive at an expander, and of their children, in place."""
    assert isinstance(step.operator, Expander)  # noqa: S101 - called for expanders only
    alive = outcome == KEPT
    created = (children.created_at == step.index) & alive[children.parent]
    if not step.operator.keeps_parents:
        outcome[alive] = step.index
    outcome[created] = KEPT


def group(outcome: np.ndarray, step: Step, children: Children) -> None:
    """Set the outcomes of the samples still alive at a grouper, and of the aggregates that replace them, in place."""
    outcome[outcome == KEPT] = step.index
    outcome[children.created_at == step.index] = KEPT


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
