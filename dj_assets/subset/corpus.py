"""Frequent keys of a whole corpus: counted in a separate pass, before the operators that rewrite by them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dj_assets.errors import DamagedError
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import FileManifest, measured_files, require_measured
from dj_assets.measure.engines import OpenEngine
from dj_assets.measure.first_samples import position
from dj_assets.measure.measured_source import MeasuredSource, measured_version
from dj_assets.measure.progress import Report
from dj_assets.measure.work import Task
from dj_assets.models.store import ModelStore
from dj_assets.operators.base import CorpusMapper
from dj_assets.recipe.plan import Plan, Step, digest
from dj_assets.replay.links import find_links
from dj_assets.replay.near_pairs import read_stored, store
from dj_assets.replay.population import load_population
from dj_assets.replay.replay import replay
from dj_assets.replay.shared_keys import KEYS_AT_ONCE, leading_bits, part_of_keys
from dj_assets.sources.sources import SourceFile
from dj_assets.stores.copies import at_hand
from dj_assets.subset.references import References

Frequent = Mapping[str, np.ndarray]
_COLUMNS = ("key", "first")
Take = Callable[[MeasuredSource, Task], list[FileManifest]]


@dataclass(frozen=True)
class Corpus:
    """A source to be counted for every corpus mapper of a plan: one pass each, in recipe order.

    Such a pass measures the steps before the mapper, replays them with their thresholds, and counts the keys of the
    samples that they keep. Its files are in a separate folder and are committed file by file, as all measured
    files are. A plan without corpus mappers costs nothing and leaves no files.
    """

    plan: Plan
    files: tuple[SourceFile, ...]
    layout: Layout
    models: ModelStore
    limit: int | None
    threads: int
    references: References

    def count(self, open_engine: OpenEngine, report: Report) -> Frequent:
        """Count what is not counted yet; return the frequent keys of every corpus mapper by its label, sorted.

        The indexes of the filters that compare with other documents are among them.
        """
        return self._frequent(lambda source, task: source.measure_files(task, open_engine, report)[0])

    def counted(self) -> Frequent:
        """Return the frequent keys of every corpus mapper by its label, as they were counted.

        Raises
        ------
        UserError
            Naming the first file that is not counted, or has changed since.
        """
        return self._frequent(lambda source, _: source.measured())

    def measure_key(self, frequent: Frequent) -> str:
        """Return the identity of the measured files of the whole plan, given what is frequent."""
        return self._key(self.plan, frequent)

    def _key(self, plan: Plan, frequent: Frequent) -> str:
        key = plan.measure_key(self.models)
        hashes = {label: hashlib.sha256(keys.tobytes()).hexdigest() for label, keys in frequent.items()}
        return digest([key, hashes]) if hashes else key

    def _frequent(self, take: Take) -> Frequent:
        frequent: dict[str, np.ndarray] = {**self.references.indexes}
        for step in self.plan.corpus_mappers:
            counting, layout = self.plan.counting(step), self.layout.counting(step.label)
            key = self._key(counting, frequent)
            source = MeasuredSource(self.files, layout, key, self.plan.recipe.text_key, self.limit)
            manifests = take(source, Task(counting, self.models, dict(frequent)))
            frequent[step.label] = self._found(step, layout, manifests, measured_version(key, manifests))
        return frequent

    def _found(self, step: Step, layout: Layout, manifests: Sequence[FileManifest], version: str) -> np.ndarray:
        """Return what is frequent, from disk where it was found for the same samples and thresholds before."""
        key = digest([version, step.identity]).encode()
        stored = read_stored(layout.frequent, key)
        if stored is None:
            stored = _table(self._search(step, layout, manifests, version))
            store(layout.frequent, stored, key)
        return _array(stored)

    def _search(self, step: Step, layout: Layout, manifests: Sequence[FileManifest], version: str) -> np.ndarray:
        operator = step.operator
        if not isinstance(operator, CorpusMapper):
            raise TypeError(f"{step.label} does not count")
        stats, signatures = (measured_files(layout, kind, manifests) for kind in layout.kinds)
        require_measured(layout, manifests, layout.kinds)
        before = self.plan.before(step)
        links = find_links(layout, before, signatures, [version], self.threads)
        alive = replay(before, load_population(before, stats, signatures), links, threads=self.threads).kept
        if not operator.keeps_first:
            return frequent_keys(signatures, step.signature, alive, operator.frequency_threshold)[0]
        keys, first = frequent_keys(signatures, step.signature, alive, operator.frequency_threshold)
        return np.column_stack((keys, positions_of(first, signatures, [manifest.number for manifest in manifests])))


def stored_frequent(layout: Layout, step: Step) -> np.ndarray:
    """Return the frequent keys that the newest count for a corpus mapper found, sorted.

    Raises
    ------
    DamagedError
        If they are missing or damaged.
    """
    path = at_hand(layout.counting(step.label).frequent)
    try:
        return _array(pq.read_table(path, page_checksum_verification=True))
    except (pa.ArrowException, OSError, KeyError):
        state = "damaged" if path.exists() else "missing"
        raise DamagedError(f"{path}: is {state}; run the subset again: the corpus is counted again") from None


def frequent_keys(
    files: Sequence[Path], column: str, alive: np.ndarray, threshold: int, keys_at_once: int = KEYS_AT_ONCE
) -> tuple[np.ndarray, np.ndarray]:
    """Return the keys that more than `threshold` of the living samples have, sorted, and the first sample with each.

    Keys are taken by their leading bits, a part at a time: each part reads the files again, none holds all keys.
    """
    bits = leading_bits(files, column, keys_at_once)
    frequent, first = [], []
    for part in range(1 << bits):
        keys, samples = part_of_keys(files, column, part, bits)
        living = alive[samples]
        distinct, indices, counts = np.unique(keys[living], return_index=True, return_counts=True)
        frequent.append(distinct[counts > threshold])
        # samples are in ascending order, and the index is that of the first occurrence
        first.append(samples[living][indices[counts > threshold]])
    return np.concatenate(frequent), np.concatenate(first)


def positions_of(samples: np.ndarray, files: Sequence[Path], numbers: Sequence[int]) -> np.ndarray:
    """Return the positions of samples, counted over the files: file and row in one number (`first_samples`)."""
    found = np.empty(len(samples), np.uint64)
    first = 0
    for path, number in zip(files, numbers, strict=True):
        rows = np.asarray(pq.read_table(path, columns=["row"])["row"])
        here = (samples >= first) & (samples < first + len(rows))
        found[here] = position(number, rows[samples[here] - first])
        first += len(rows)
    return found


def _table(frequent: np.ndarray) -> pa.Table:
    """Return frequent keys as a table; a second column has the positions of the first samples with them."""
    columns = frequent.T if frequent.ndim > 1 else (frequent,)
    named = zip(_COLUMNS, columns, strict=False)
    return pa.table({name: pa.array(np.ascontiguousarray(values), pa.uint64()) for name, values in named})


def _array(table: pa.Table) -> np.ndarray:
    columns = [np.asarray(table[name]) for name in _COLUMNS if name in table.column_names]
    return np.column_stack(columns) if columns[1:] else columns[0]
