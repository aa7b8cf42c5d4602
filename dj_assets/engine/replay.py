"""The recipe run again as set operations over what was measured: conditions in SQL, clusters over signatures."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dj_assets.engine.clusters import Links, SharedKeys, keepers
from dj_assets.operators.base import Deduplicator, Filter
from dj_assets.operators.conditions import Parameter
from dj_assets.recipe.plan import Plan, Step

KEPT = -1
# What is read of every shard.
REPLAYED = ("stats", "signatures")
_NEVER = np.iinfo(np.int16).max


@dataclass(frozen=True)
class Population:
    """All measured samples in (shard, row) order, as arrays of equal length.

    `failed_at` is the step a sample failed at, -1 where none. `signatures` are those that are one value, by name, as
    integers: bytes are numbered; in front stand those of the reference set, whose places are `reference_shard` and
    `reference_row`.
    """

    stats_files: tuple[Path, ...]
    shard: np.ndarray
    row: np.ndarray
    failed_at: np.ndarray
    signatures: Mapping[str, np.ma.MaskedArray]
    reference_shard: np.ndarray
    reference_row: np.ndarray

    def __len__(self) -> int:
        return len(self.row)


@dataclass
class Outcome:
    """The fate of every measured sample.

    `fate` is the index of the step that ended a sample, `KEPT` for the kept; `quarantined` says whether it failed
    there; `keeper` is the index of the kept twin of a duplicate, -1 else, and `against` that of its twin in the
    reference set; `cluster_size` counts the cluster of a duplicate at its deduplicator, samples of the reference set
    included. `short_texts` counts, for each deduplicator, those it dropped only because they are
    too short for one shingle.
    """

    fate: np.ndarray
    quarantined: np.ndarray
    keeper: np.ndarray
    against: np.ndarray
    cluster_size: np.ndarray
    short_texts: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def kept(self) -> np.ndarray:
        """Which samples are kept."""
        kept: np.ndarray = self.fate == KEPT
        return kept

    @property
    def duplicate(self) -> np.ndarray:
        """Which samples were dropped as duplicates, of one another or of the reference set."""
        duplicate: np.ndarray = (self.keeper >= 0) | (self.against >= 0)
        return duplicate


def load_population(
    plan: Plan,
    stats: Sequence[Path],
    signatures: Sequence[Path],
    reference_stats: Sequence[Path] = (),
    reference_signatures: Sequence[Path] = (),
) -> Population:
    """Read what the replay needs of all shards, given in shard order: 12 bytes a sample and 9 for each signature."""
    shard = _column(stats, "shard")
    names = [step.signature for step in plan.deduplicators if not _has_keys(step)]
    failed_at = _column(signatures, "failed_at").filled(KEPT)
    values = {name: _column([*reference_signatures, *signatures], name) for name in names}
    reference = (_column(reference_stats, name).data for name in ("shard", "row"))
    return Population(tuple(stats), shard.data, _column(stats, "row").data, failed_at, values, *reference)


def replay(plan: Plan, population: Population, links: Mapping[str, Links], threads: int = 1) -> Outcome:
    """Let every sample meet the steps in recipe order; the earliest event decides.

    `links` are those of every deduplicator, by the name of its signature, over the reference set and the samples behind
    it. Samples of the reference set take part in every deduplicator, whatever the filters say, and are always kept.
    """
    size = len(population)
    outcome = Outcome(
        fate=np.full(size, KEPT, np.int16),
        quarantined=np.zeros(size, bool),
        keeper=np.full(size, -1, np.int64),
        against=np.full(size, -1, np.int64),
        cluster_size=np.zeros(size, np.int32),
    )
    started = time.perf_counter()
    segments = _segments(plan)
    events = _events(segments, population, threads)
    outcome.seconds["conditions"] = time.perf_counter() - started
    for segment, event in zip(segments, events, strict=True):
        _end(outcome, population, event)
        if segment.deduplicator is not None:
            started = time.perf_counter()
            _deduplicate(outcome, population, segment.deduplicator, links[segment.deduplicator.signature])
            outcome.seconds[segment.deduplicator.label] = time.perf_counter() - started
    return outcome


@dataclass(frozen=True)
class _Segment:
    """Steps up to and including a deduplicator: within one, the order of events is known without clustering."""

    steps: tuple[Step, ...]
    deduplicator: Step | None


def _segments(plan: Plan) -> list[_Segment]:
    segments, steps = [], []
    for step in plan.steps:
        steps.append(step)
        if isinstance(step.operator, Deduplicator):
            segments.append(_Segment(tuple(steps), step))
            steps = []
    if steps:
        segments.append(_Segment(tuple(steps), None))
    return segments


def _events(segments: Sequence[_Segment], population: Population, threads: int) -> list[np.ndarray]:
    """Return, for each segment, the first step that would end each sample (`_NEVER` where none)."""
    judged = _judge(segments, population, threads)
    events = []
    for segment, by_condition in zip(segments, judged, strict=True):
        indices = [step.index for step in segment.steps]
        failed = population.failed_at
        here = (failed >= min(indices)) & (failed <= max(indices))
        events.append(np.minimum(by_condition, np.where(here, failed, _NEVER)))
    return events


def _judge(segments: Sequence[_Segment], population: Population, threads: int) -> list[np.ndarray]:
    """Ask DuckDB, in one pass over the statistics, for the first condition of each segment that fails."""
    cases: list[str] = []
    parameters: list[Parameter] = []
    for number, segment in enumerate(segments):
        tests = [
            (step, step.operator.condition.keep(step.columns))
            for step in segment.steps
            if isinstance(step.operator, Filter)
        ]
        whens = " ".join(f"WHEN NOT {test.text} THEN {step.index}" for step, test in tests)
        cases.append(f"(CASE {whens} ELSE {_NEVER} END)::SMALLINT AS segment_{number}" if whens else "")
        parameters += [parameter for _, test in tests for parameter in test.parameters]
    wanted = [case for case in cases if case]
    never = np.full(len(population), _NEVER, np.int16)
    if not wanted or not len(population):
        return [never] * len(segments)
    query = f"SELECT row, {', '.join(wanted)} FROM read_parquet(?)"  # noqa: S608 - conditions bind their values
    files = [str(path) for path in population.stats_files]
    with duckdb.connect(config={"threads": threads}) as connection:
        # the files follow the select list in the text, hence last among the parameters
        found = connection.execute(query, [*parameters, files]).fetchnumpy()
    assert np.array_equal(np.asarray(found["row"]), population.row), "DuckDB keeps the order of rows"  # noqa: S101
    return [np.asarray(found[f"segment_{number}"]) if case else never for number, case in enumerate(cases)]


def _end(outcome: Outcome, population: Population, event: np.ndarray) -> None:
    ended = outcome.kept & (event != _NEVER)
    outcome.fate[ended] = event[ended]
    outcome.quarantined[ended] = population.failed_at[ended] == event[ended]


def _deduplicate(outcome: Outcome, population: Population, step: Step, links: Links) -> None:
    references = len(population.reference_row)
    alive = np.concatenate((np.arange(references), references + np.flatnonzero(outcome.kept)))
    short = np.zeros(references + len(population), bool)
    keys = step.operator.short_text_keys if isinstance(step.operator, Deduplicator) else ()
    if isinstance(links, SharedKeys):
        kept_by = links.keepers(alive)
        short = links.holding(keys)
    else:
        signature = population.signatures[step.signature]
        alive = alive[~np.ma.getmaskarray(signature)[alive]]
        kept_by = alive[keepers(signature.data[alive], links)] if len(alive) else alive
        short[alive] = np.isin(signature.data[alive], np.array(keys, signature.dtype))
    sizes = np.bincount(kept_by, minlength=len(short))
    duplicate = (kept_by != alive) & (alive >= references)
    dropped, twins = alive[duplicate] - references, kept_by[duplicate]
    outcome.fate[dropped] = step.index
    # the reference set stands in front, so the smallest of a cluster is one of its samples where there is any
    outcome.against[dropped] = np.where(twins < references, twins, -1)
    outcome.keeper[dropped] = np.where(twins < references, -1, twins - references)
    outcome.cluster_size[dropped] = sizes[twins]
    if keys:
        outcome.short_texts[step.label] = int(short[references + dropped].sum())


def _has_keys(step: Step) -> bool:
    return isinstance(step.operator, Deduplicator) and pa.types.is_list(step.operator.signature_type)


def _column(files: Iterable[Path], name: str) -> np.ma.MaskedArray:
    """Read one column of many Parquet files as a masked array."""
    columns = [pq.read_table(path, columns=[name]).column(0) for path in files]
    arrays = [chunk for column in columns for chunk in column.chunks]
    if not arrays:
        return np.ma.masked_array(np.empty(0, np.int64), mask=np.empty(0, bool))
    if pa.types.is_fixed_size_binary(arrays[0].type):
        arrays = [pa.chunked_array(arrays).dictionary_encode().combine_chunks().indices]
    data = [
        chunk.fill_null(0).to_numpy(zero_copy_only=False) if chunk.null_count else chunk.to_numpy() for chunk in arrays
    ]
    mask = [chunk.is_null().to_numpy(zero_copy_only=False) for chunk in arrays]
    return np.ma.masked_array(np.concatenate(data), mask=np.concatenate(mask))
