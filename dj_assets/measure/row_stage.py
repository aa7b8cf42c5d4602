"""The row stage: run every operator of a plan over one batch, in the order of the recipe."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
import pyarrow as pa

from dj_assets.errors import ContractError
from dj_assets.measure.cascade import passing
from dj_assets.operators import contract
from dj_assets.operators.base import CorpusMapper, Deduplicator, Filter, Mapper, Operator
from dj_assets.operators.batch import FIELDS, Batch
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.operators.views.media_batch import media
from dj_assets.recipe.plan import Plan, Step
from dj_assets.sources.other_texts import put_texts, texts_at

Columns = Mapping[str, pa.Array]
T = TypeVar("T", Batch, Columns)


@dataclass(frozen=True)
class Failure:
    """Holds a sample that an operator could not process: its index in the batch, the step, the error."""

    index: int
    step: int
    error: str


@dataclass(frozen=True)
class Measured:
    """Holds the results of the row stage for a batch; every array is as long as the batch.

    Statistics and signatures after a failure are null. Conditional statistics of samples that were dropped before are
    null, too. The keys that a corpus mapper counts are among the signatures. `failed_at` is the step of the failure,
    else null. `media` holds the media files that every sample lists, or is None if no operator reads media
    (`MediaBatch.files`); `decoders` names the unusual decoders of these files (`unusual_decoders`). `fields` are the
    samples' other fields, if the batch has them; only operators with their own `text_key` change them.
    """

    text: pa.StringArray
    fields: pa.Array | None
    statistics: dict[str, pa.Array]
    signatures: dict[str, pa.Array]
    failed_at: pa.Array
    failures: tuple[Failure, ...]
    seconds: dict[str, float]
    media: pa.Array | None = None
    decoders: Mapping[str, str] = field(default_factory=dict)


class RowStage:
    """Runs one pass over one batch. Only a sample that fails leaves the pass; the others go on."""

    def __init__(self, batch: Batch, frequent: Mapping[str, np.ndarray] | None = None) -> None:
        """Take a batch, and the frequent keys of the corpus mappers that were counted, keyed by label."""
        self.frequent = frequent or {}
        self.size = len(batch)
        self.original = batch
        self.batch = batch
        self.indices = np.arange(self.size)
        self.failures: list[Failure] = []
        self.left_text: dict[int, str] = {}
        self.statistics: dict[str, pa.Array] = {}
        self.signatures: dict[str, pa.Array] = {}
        self.seconds: dict[str, float] = {}
        self.by_identity: dict[str, tuple[str, ...]] = {}

    def run(self, plan: Plan) -> Measured:
        """Run every step in order; a conditional step runs only over the samples that the filters before it keep."""
        for step in plan.steps:
            started = time.perf_counter()
            if step.index in plan.conditional:
                self._step_of_the_living(step, [before for before in plan.filters if before.index < step.index])
            else:
                self._step(step)
            self.seconds[step.label] = time.perf_counter() - started
        return Measured(
            text=self._full_text(),
            fields=self._full_fields(),
            statistics=self.statistics,
            signatures=self.signatures,
            failed_at=self._failed_at(),
            failures=tuple(self.failures),
            seconds=self.seconds,
        )

    def _step_of_the_living(self, step: Step, before: Sequence[Step]) -> None:
        """Run a step over the samples that no filter before it drops; results for the others would change nothing."""
        alive = passing(before, self.statistics)[self.indices]
        if alive.all():
            self._step(step)
            return
        whole, indices = self.batch, self.indices
        self.batch, self.indices = whole.select(pa.array(alive)), indices[alive]
        self._step(step)
        left = ~alive | np.isin(indices, self.indices)
        self.batch, self.indices = whole if left.all() else whole.select(pa.array(left)), indices[left]

    def _step(self, step: Step) -> None:
        operator = step.operator
        if isinstance(operator, MediaOperator):
            self._set_aside(media(self.batch).failures(operator.media, operator.features_for(self.batch.models)), step)
        if isinstance(operator, CorpusMapper):
            self._count_or_rewrite(operator, step)
        elif isinstance(operator, Mapper):
            self.batch = self._guarded(_rewriting(operator, operator.apply), step)
        elif isinstance(operator, Filter):
            self._measure(operator, step)
        elif isinstance(operator, Deduplicator):
            signatures = self._guarded(
                lambda batch: {step.signature: contract.signed(operator, _seen_by(operator, batch))}, step
            )
            self.signatures[step.signature] = self._spread(signatures[step.signature], operator.signature_type)

    def _count_or_rewrite(self, operator: CorpusMapper, step: Step) -> None:
        """Rewrite if the frequent keys are known, else count the keys."""
        frequent = self.frequent.get(step.label)
        if frequent is not None:
            self.batch = self._guarded(_rewriting(operator, partial(operator.rewrite, frequent=frequent)), step)
            return
        keys = self._guarded(
            lambda batch: {step.signature: contract.counted(operator, _seen_by(operator, batch))}, step
        )
        self.signatures[step.signature] = self._spread(keys[step.signature], contract.KEYS)

    def _measure(self, operator: Filter, step: Step) -> None:
        columns = tuple(step.columns.values())
        measured_as = self.by_identity.get(step.identity)
        if measured_as is not None:
            self.statistics.update({new: self.statistics[old] for new, old in zip(columns, measured_as, strict=True)})
            return
        statistics = self._guarded(lambda batch: contract.measured(operator, _seen_by(operator, batch)), step)
        for statistic in operator.statistics:
            self.statistics[step.columns[statistic.key]] = self._spread(statistics[statistic.key], statistic.type)
        self.by_identity[step.identity] = columns

    def _guarded(self, work: Callable[[Batch], T], step: Step) -> T:
        """Run an operator over the batch; if it fails, set aside the samples that it fails for and run it again."""
        try:
            return work(self.batch)
        except ContractError:
            raise
        except Exception:  # noqa: BLE001 - the one per-sample boundary: any operator, any library
            self._set_aside(_failing(work, self.batch), step)
        return work(self.batch)

    def _set_aside(self, errors: Mapping[int, str], step: Step) -> None:
        """Record failures of samples at a step, keyed by index in the batch, and remove these samples from it."""
        if not errors:
            return
        good = np.ones(len(self.batch), bool)
        texts = self.batch.text
        for index, error in errors.items():
            good[index] = False
            original = int(self.indices[index])
            self.failures.append(Failure(original, step.index, error))
            self.left_text[original] = texts[index].as_py()
        self.indices = self.indices[good]
        self.batch = self.batch.select(pa.array(good))

    def _spread(self, values: pa.Array, of_type: pa.DataType) -> pa.Array:
        """Return the values of the remaining samples at the full length of the batch, null for the others."""
        values = values if values.type == of_type else values.cast(of_type)
        if len(self.indices) == self.size:
            return values
        index = np.full(self.size, -1, np.int64)
        index[self.indices] = np.arange(len(self.indices))
        return values.take(pa.array(index, mask=index < 0))

    def _full_text(self) -> pa.StringArray:
        if not self.left_text:
            return self.batch.text
        texts = self._spread(self.batch.text, pa.string()).to_pylist()
        return pa.array([self.left_text.get(index, text) for index, text in enumerate(texts)], pa.string())

    def _full_fields(self) -> pa.Array | None:
        if FIELDS not in self.original.rows.schema.names:
            return None
        fields = self.batch.rows.column(FIELDS)
        if len(self.indices) == self.size:
            return fields
        index = np.arange(self.size) + len(fields)
        index[self.indices] = np.arange(len(fields))
        return pa.concat_arrays([fields, self.original.rows.column(FIELDS)]).take(pa.array(index))

    def _failed_at(self) -> pa.Array:
        steps = np.full(self.size, -1, np.int16)
        for failure in self.failures:
            steps[failure.index] = failure.step
        return pa.array(steps, pa.int16(), mask=steps < 0)


def _seen_by(operator: Operator, batch: Batch) -> Batch:
    """Return the batch as an operator reads it: with the text under the operator's own key, if it has one."""
    if operator.text_key is None:
        return batch
    return batch.with_text(texts_at(batch.rows.column(FIELDS), operator.text_key))


def _rewriting(operator: Mapper, rewrite: Callable[[Batch], Batch]) -> Callable[[Batch], Batch]:
    """Return the function by which a mapper rewrites a batch: its text, or the text under the mapper's own key."""
    key = operator.text_key
    if key is None:
        return lambda batch: contract.rewritten(operator, batch, rewrite)

    def apply(batch: Batch) -> Batch:
        texts = contract.rewritten(operator, _seen_by(operator, batch), rewrite).text
        return batch.with_column(FIELDS, put_texts(batch.rows.column(FIELDS), key, texts))

    return apply


def _failing(work: Callable[[Batch], T], batch: Batch) -> dict[int, str]:
    """Return the errors of the samples that `work` fails for, keyed by index; they are found by halving the batch."""
    errors: dict[int, str] = {}
    pending = [(0, len(batch))]
    while pending:
        start, stop = pending.pop()
        if start == stop:
            continue
        try:
            work(batch.slice(start, stop - start))
        except ContractError:
            raise
        except Exception as error:  # noqa: BLE001 - the same boundary, now one sample at a time
            if stop - start == 1:
                errors[start] = f"{type(error).__name__}: {error}".splitlines()[0][:500]
            else:
                middle = (start + stop) // 2
                pending += [(start, middle), (middle, stop)]
    return errors
