"""The row stage: run every operator of a plan over one batch, in the order of the recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import numpy as np
import pyarrow as pa

from dj_assets.errors import ContractError, TextModelError
from dj_assets.measure.cascade import passing
from dj_assets.measure.halving import failing
from dj_assets.measure.lineage import Expansion, Lineage
from dj_assets.measure.made_samples import aggregated, children_of, with_fields_of
from dj_assets.measure.own_keys import rewriting, seen_by
from dj_assets.measure.step_costs import StepCosts
from dj_assets.models.text.counting import CallCounts
from dj_assets.operators import contract
from dj_assets.operators.base import (
    Aggregator,
    CorpusMapper,
    CountingMapper,
    Deduplicator,
    Expander,
    FieldMapper,
    Filter,
    Mapper,
    Measuring,
    Operator,
    RecordMapper,
)
from dj_assets.operators.batch import FIELDS, Batch
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.operators.kinds.media_maker import MediaMaker, MediaWriter
from dj_assets.operators.kinds.reference_filter import ReferenceFilter
from dj_assets.operators.kinds.vector_deduplicator import VECTOR, VectorDeduplicator
from dj_assets.operators.views.media_batch import MEDIA_FILES, media
from dj_assets.operators.views.sample_statistics import with_statistics, without_statistics
from dj_assets.recipe.plan import MembersRead, Plan, Step
from dj_assets.sources.written_fields import converted

Columns = Mapping[str, pa.Array]
T = TypeVar("T", Batch, Columns)
R = TypeVar("R")


@dataclass(frozen=True)
class Failure:
    """Hold a sample that an operator could not process: its index in the batch, the step, the error."""

    index: int
    step: int
    error: str


@dataclass(frozen=True)
class Measured:
    """Hold the results of the row stage for a batch; every array is as long as the batch.

    Statistics and signatures after a failure are null. Conditional statistics of samples that were dropped before are
    null, too. The keys that a corpus mapper counts are among the signatures. `failed_at` is the step of the failure,
    else null. `lineage` is None without expanders; else the arrays have the children as well, after their parents.
    `media` holds the media files that every sample lists, or is None if no operator reads media
    (`MediaBatch.files`); `decoders` names the unusual decoders of these files (`unusual_decoders`). `fields` are the
    samples' other fields, if the batch has them; only operators with their own `text_key` and operators that write
    fields change them. A failed sample has its original fields, null where it has none of the type that was written.
    `written` holds the names and types of the fields that operators wrote, in their order, for each part of the batch
    that was measured by itself. `seconds` and `calls` are those of every step, by its label.
    """

    text: pa.StringArray
    fields: pa.Array | None
    statistics: dict[str, pa.Array]
    signatures: dict[str, pa.Array]
    failed_at: pa.Array
    failures: tuple[Failure, ...]
    seconds: dict[str, float]
    lineage: Lineage | None = None
    media: pa.Array | None = None
    written: tuple[Mapping[str, pa.DataType], ...] = ()
    decoders: Mapping[str, str] = field(default_factory=dict)
    calls: Mapping[str, CallCounts] = field(default_factory=dict)


class RowStage:
    """Run one pass over one batch. Only a sample that fails leaves the pass; the others go on."""

    def __init__(
        self, batch: Batch, frequent: Mapping[str, np.ndarray] | None = None, alive: np.ndarray | None = None
    ) -> None:
        """Take a batch, and what steps take from elsewhere, keyed by label, see `work.Task`.

        `alive` is a mask of the samples that earlier steps keep, for conditional steps; None if all are kept.
        """
        self.frequent = frequent or {}
        self.alive = np.ones(len(batch), bool) if alive is None else alive
        self.size = len(batch)
        self.original = batch
        self.batch = batch
        self.indices = np.arange(self.size)
        self.failures: list[Failure] = []
        self.left_text: dict[int, str] = {}
        self.statistics: dict[str, pa.Array] = {}
        self.signatures: dict[str, pa.Array] = {}
        self.costs = StepCosts()
        self.by_identity: dict[str, tuple[str, ...]] = {}
        self.fields_changed = False
        self.written: dict[str, pa.DataType] = {}
        self.media: dict[int, dict[str, object]] = {}
        self.members_read: Mapping[int, MembersRead] = {}

    def run(self, plan: Plan, steps: Sequence[Step] | None = None) -> Measured:
        """Run every step in order, or only `steps`; a conditional step runs over the samples that are alive before it.

        The steps after an expander run over the children, and over the parents if these stay.
        """
        steps = plan.steps if steps is None else steps
        self.members_read = plan.members_read
        for number, step in enumerate(steps):
            alive = self._living(steps[:number]) if step.index in plan.conditional else None
            if isinstance(step.operator, Expander):
                with self.costs.of(step.label):
                    rest, owner, itself = self._expand(step.operator, step, alive)
                living = self._living(steps[:number])[owner] if plan.conditional else None
                stage = RowStage(rest, self.frequent, living)
                stage.fields_changed = self.fields_changed
                stage._watch_made(step.operator)
                return self._with_children(step, owner, itself, stage.run(plan, steps[number + 1 :]))
            with self.costs.of(step.label):
                self._among(alive, partial(self._step, step), rewrites=isinstance(step.operator, Mapper))
                self._watch_made(step.operator)
        return Measured(
            text=self._full_text(),
            fields=self._full_fields(),
            statistics=self.statistics,
            signatures=self.signatures,
            failed_at=_failed_at(self.failures, self.size),
            failures=tuple(self.failures),
            seconds=self.costs.seconds,
            lineage=Lineage.of_source(self.size) if plan.expanders else None,
            media=self._full_media(),
            written=(self.written,),
            calls=self.costs.calls,
        )

    def _living(self, before: Sequence[Step]) -> np.ndarray:
        """Return the samples that no filter of `before` drops, as a mask over the whole batch."""
        filters = [step for step in before if isinstance(step.operator, Filter)]
        return self.alive & passing(filters, self.statistics) if filters else self.alive

    def _expand(self, operator: Expander, step: Step, alive: np.ndarray | None) -> tuple[Batch, np.ndarray, np.ndarray]:
        """Expand the samples that are alive, or all.

        Returns
        -------
        tuple[Batch, np.ndarray, np.ndarray]
            The samples for the next steps; for each, the index of the sample in the whole batch that it was made from,
            and whether it is that sample itself.
        """
        children, owner = self._among(alive, lambda: self._children(operator, step))
        if not operator.keeps_parents:
            return children, owner, np.zeros(len(owner), bool)
        owners = np.concatenate((self.indices, owner))
        order = np.argsort(owners, kind="stable")
        kept = with_fields_of(children, self.batch)
        both = Batch(pa.concat_batches([kept.rows, children.rows]), self.batch.models, self.batch.media_access)
        return both.take(order), owners[order], order < len(self.indices)

    def _children(self, operator: Expander, step: Step) -> tuple[Batch, np.ndarray]:
        """Return the children of all samples, and for each the index of its parent in the whole batch."""
        self._take_media(operator, step)
        lists = self._guarded(lambda batch: {"": contract.expanded(operator, seen_by(operator, batch))}, step)[""]
        self._note_change(operator, contract.fields_besides_text(lists.type.value_type))
        children, parents = children_of(operator, self.batch, lists)
        return children, self.indices[parents]

    def _with_children(self, step: Step, owner: np.ndarray, itself: np.ndarray, behind: Measured) -> Measured:
        """Return what was measured before and after an expander, every child after its parent."""
        assert behind.lineage is not None  # noqa: S101 - the plan has an expander
        expansion = Expansion.of(self.size, step.index, owner, itself, behind.lineage)
        place_before = np.flatnonzero(expansion.before >= 0)
        place_after = np.empty(len(behind.text), np.int64)
        place_after[expansion.after[expansion.after >= 0]] = np.flatnonzero(expansion.after >= 0)
        failures = [
            *(replace(failure, index=int(place_before[failure.index])) for failure in self.failures),
            *(replace(failure, index=int(place_after[failure.index])) for failure in behind.failures),
        ]
        fields, media = self._full_fields(), self._full_media()
        if fields is not None and behind.fields is not None:
            fields = expansion.merged(converted(fields, behind.fields.type), behind.fields)
        return Measured(
            text=expansion.merged(self._full_text(), behind.text),
            fields=fields,
            statistics=_merged(expansion, self.statistics, behind.statistics),
            signatures=_merged(expansion, self.signatures, behind.signatures),
            failed_at=_failed_at(failures, len(expansion.order)),
            failures=tuple(failures),
            seconds={**self.costs.seconds, **behind.seconds},
            calls={**self.costs.calls, **behind.calls},
            lineage=expansion.lineage,
            media=None if media is behind.media is None else expansion.merged(media, behind.media),
            written=tuple({**self.written, **written} for written in behind.written),
        )

    def _among(self, living: np.ndarray | None, work: Callable[[], R], *, rewrites: bool = False) -> R:
        """Do some work over the samples that no filter before drops; results for the others would change nothing.

        `living` is None for all samples; `rewrites` tells whether the work changes the samples themselves.
        """
        if living is None or living[self.indices].all():
            return work()
        whole, indices = self.batch, self.indices
        alive = living[indices]
        self.batch, self.indices = whole.select(pa.array(alive)), indices[alive]
        result = work()
        if rewrites:
            rest = with_fields_of(self.batch, whole.select(pa.array(~alive)))
            self.indices = np.concatenate((self.indices, indices[~alive]))
            order = np.argsort(self.indices)
            both = Batch(pa.concat_batches([self.batch.rows, rest.rows]), whole.models, whole.media_access)
            self.batch, self.indices = both.take(order), self.indices[order]
            return result
        left = ~alive | np.isin(indices, self.indices)
        self.batch, self.indices = whole if left.all() else whole.select(pa.array(left)), indices[left]
        return result

    def _take_media(self, operator: Operator, step: Step) -> None:
        """Read the media that an operator needs, and make its new files; set aside the samples that this fails for."""
        if not isinstance(operator, MediaOperator):
            return
        seen = media(operator.read_from(self.batch))
        if self.fields_changed:
            self._watch(seen.files([(operator.media, seen.media_access.keys)]))
        self._set_aside(seen.failures(operator.media, operator.features_for(self.batch.models)), step)
        if isinstance(operator, MediaMaker):
            self._set_aside(media(operator.read_from(self.batch)).make(operator.media, operator.making()), step)

    def _watch_made(self, operator: Operator) -> None:
        """Record the media files that an operator made."""
        if isinstance(operator, MediaWriter):
            seen = media(operator.read_from(self.batch))
            self._watch(seen.files([(operator.media, operator.written_to(seen.media_access.keys))]))

    def _step(self, step: Step) -> None:
        if not step.reads:
            self._run(step)
            return
        measured = {key: self.statistics.get(column) for key, column in step.reads.items()}
        indices = pa.array(self.indices)
        self.batch = with_statistics(
            self.batch, {key: values.take(indices) for key, values in measured.items() if values is not None}
        )
        self._run(step)
        self.batch = without_statistics(self.batch)

    def _run(self, step: Step) -> None:
        operator = step.operator
        self._take_media(operator, step)
        if isinstance(operator, CorpusMapper):
            self._count_or_rewrite(operator, step)
        elif isinstance(operator, Mapper):
            if isinstance(operator, CountingMapper):
                self._measure(operator, step)
            self.batch = self._guarded(rewriting(operator, operator.apply), step)
            self._note_change(operator, operator.fields if isinstance(operator, FieldMapper) else {})
        elif isinstance(operator, Aggregator):
            self._aggregate(operator, step)
        elif isinstance(operator, Measuring) and step.statistics:
            self._measure(operator, step)
        elif isinstance(operator, VectorDeduplicator):
            self._sign_with_vectors(operator, step)
        elif isinstance(operator, Deduplicator):
            signatures = self._guarded(
                lambda batch: {step.signature: contract.signed(operator, seen_by(operator, batch))}, step
            )
            self.signatures[step.signature] = self._spread(signatures[step.signature], operator.signature_type)

    def _sign_with_vectors(self, operator: VectorDeduplicator, step: Step) -> None:
        assert step.vector is not None  # noqa: S101 - the step has the operator
        names = (step.signature, step.vector)
        signed = self._guarded(
            lambda batch: dict(
                zip(names, contract.signed_with_vectors(operator, seen_by(operator, batch)), strict=True)
            ),
            step,
        )
        self.signatures[step.signature] = self._spread(signed[step.signature], operator.signature_type)
        self.signatures[step.vector] = self._spread(signed[step.vector], VECTOR)

    def _aggregate(self, operator: Aggregator, step: Step) -> None:
        written: dict[str, pa.DataType] = {}
        read = self.members_read[step.index]
        self.batch = self._guarded(lambda batch: aggregated(operator, batch, read, written), step)
        self._note_change(operator, written)

    def _note_change(self, operator: Operator, written: Mapping[str, pa.DataType]) -> None:
        """Record the fields that an operator wrote, and whether it changed any."""
        # a field that is written again is moved to the end
        self.written = {name: kind for name, kind in self.written.items() if name not in written} | dict(written)
        self.fields_changed |= bool(written) or operator.text_key is not None or isinstance(operator, RecordMapper)

    def _watch(self, files: pa.Array) -> None:
        """Record the media files that fields list after operators changed the fields."""
        for index, listed in zip(self.indices.tolist(), files.to_pylist(), strict=True):
            for file in listed:
                self.media.setdefault(index, {}).setdefault(file["path"], file)

    def _count_or_rewrite(self, operator: CorpusMapper, step: Step) -> None:
        """Rewrite if the frequent keys are known, else count the keys."""
        frequent = self.frequent.get(step.label)
        if frequent is not None:
            self.batch = self._guarded(rewriting(operator, partial(operator.rewrite, frequent=frequent)), step)
            return
        keys = self._guarded(lambda batch: {step.signature: contract.counted(operator, seen_by(operator, batch))}, step)
        self.signatures[step.signature] = self._spread(keys[step.signature], contract.KEYS)

    def _measure(self, operator: Measuring | CountingMapper, step: Step) -> None:
        columns = tuple(step.columns.values())
        measured_as = self.by_identity.get(step.identity)
        if measured_as is not None:
            self.statistics.update({new: self.statistics[old] for new, old in zip(columns, measured_as, strict=True)})
            return
        measure = self._measuring(operator, step)
        statistics = self._guarded(lambda batch: contract.measured(operator, seen_by(operator, batch), measure), step)
        for statistic in step.statistics:
            self.statistics[step.columns[statistic.key]] = self._spread(statistics[statistic.key], statistic.type)
        self.by_identity[step.identity] = columns

    def _measuring(self, operator: Measuring | CountingMapper, step: Step) -> Callable[[Batch], Columns] | None:
        """Return the measure of a filter with an index of other documents; None for the usual measure."""
        index = self.frequent.get(step.label)
        if index is None or not isinstance(operator, ReferenceFilter):
            return None
        return partial(operator.measure_against, index=index)

    def _guarded(self, work: Callable[[Batch], T], step: Step) -> T:
        """Run an operator over the batch; if it fails, set aside the samples that it fails for and run it again."""
        try:
            return work(self.batch)
        except (ContractError, TextModelError):
            raise
        except Exception:  # noqa: BLE001 - the one per-sample boundary: any operator, any library
            self._set_aside(failing(work, self.batch), step)
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
        original = converted(self.original.rows.column(FIELDS), fields.type)
        return pa.concat_arrays([fields, original]).take(pa.array(index))

    def _full_media(self) -> pa.Array | None:
        listed = [list(self.media.get(index, {}).values()) for index in range(self.size)]
        return pa.array(listed, MEDIA_FILES) if self.media else None


def _failed_at(failures: Iterable[Failure], size: int) -> pa.Array:
    steps = np.full(size, -1, np.int16)
    for failure in failures:
        steps[failure.index] = failure.step
    return pa.array(steps, pa.int16(), mask=steps < 0)


def _merged(expansion: Expansion, before: Columns, after: Columns) -> dict[str, pa.Array]:
    return {name: expansion.merged(before.get(name), after.get(name)) for name in {**before, **after}}
