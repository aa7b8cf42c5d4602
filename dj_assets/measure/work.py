"""The work of one worker on one block: parse it, measure it, return Arrow tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from dj_assets.home.identity import FROM_SOURCE, id_of, row_of
from dj_assets.measure.first_samples import as_in
from dj_assets.measure.lineage import Lineage
from dj_assets.measure.media_files import MEDIA, media_files
from dj_assets.measure.row_stage import Measured, RowStage
from dj_assets.media.file_stats import digest_of
from dj_assets.media.locations import Root
from dj_assets.models.store import ModelStore
from dj_assets.models.text.counting import CallCounts
from dj_assets.operators.base import Deduplicator
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.vector_deduplicator import VECTOR
from dj_assets.recipe.plan import Plan, digest
from dj_assets.sources.column_types import ColumnTypes
from dj_assets.sources.readers import Block, Parsed, parse
from dj_assets.sources.written_fields import written_types

if TYPE_CHECKING:
    from dj_assets.measure.media_stage import BatchInParts

REJECTS = pa.schema(
    [
        ("shard", pa.int32()),
        ("row", pa.int64()),
        ("id", pa.string()),
        ("step", pa.int16()),
        ("dropped", pa.bool_()),
        ("error", pa.string()),
    ]
)
# Step number of rejects that happen before the first operator.
LOAD = -1


@dataclass(frozen=True)
class Task:
    """Hold the data that a worker loads once: plan, model store, frequent keys of the corpus. Picklable.

    `frequent` holds the sorted frequent keys of the plan's corpus mappers, keyed by label. The keys of a mapper without
    an entry are counted. It also holds the indexes of the filters that compare with other documents. In a recipe with
    groupers, `plan` is one of the stages of the `whole` plan; the measured files have the columns of all of them.
    `made` is the folder, or the URL, of the media files that its operators make.
    """

    plan: Plan
    models: ModelStore
    frequent: Mapping[str, np.ndarray] = field(default_factory=dict)
    whole: Plan | None = None
    made: str = ""

    @classmethod
    def of_stage(cls, whole: Plan, number: int, models: ModelStore, frequent: Mapping[str, np.ndarray]) -> Task:
        """Return the task of a stage: the records of the source (0), or the aggregates of the n-th grouper (n)."""
        if not whole.groupers:
            return cls(whole, models, frequent)
        return cls(whole.stage(number), models, frequent, whole)

    def writing_to(self, made: str) -> Task:
        """Return the task with the folder, or the URL, for the media files that its operators make, if any does."""
        return replace(self, made=made) if self.plan.makes_media else self

    def keeping_answers(self, folder: str) -> Task:
        """Return the task with the folder, or the URL, for the answers of language models, if any operator asks one."""
        if not self.plan.asks_models:
            return self
        from dj_assets.stores.generations import Generations

        return replace(self, models=replace(self.models, answers=Generations(folder)))

    @property
    def made_at(self) -> int:
        """Return the index of the grouper that made the samples, `FROM_SOURCE` for the records of the source."""
        return self.plan.steps[0].index - 1 if self.whole else FROM_SOURCE


@dataclass(frozen=True)
class BlockSummary:
    """Hold the counts that a measured block adds to its file, without its samples.

    `rows` samples were measured, children among them; the other records were left out or rejected while loading.

    `media` is a digest of the media files that its samples list, empty if there are none.
    `missing_key` and `left_out` are copied from `sources.readers.Parsed`. `field_types` includes the fields that
    operators write.
    """

    records: int
    left_out: int
    rows: int
    dropped: int
    quarantined: int
    text_bytes: int
    file_bytes: int
    missing_key: tuple[str, ...] | None
    field_types: ColumnTypes
    seconds: Mapping[str, float]
    media: str = ""
    calls: Mapping[str, CallCounts] = field(default_factory=dict)


@dataclass(frozen=True)
class MeasuredBlock:
    """Hold a measured block: one record batch for each of the measured files, and the summary."""

    tables: dict[str, pa.RecordBatch]
    summary: BlockSummary


@dataclass(frozen=True)
class BegunBlock:
    """Hold a parsed block; if its plan has operators over media, the first of its media are being read."""

    task: Task
    block: Block
    parsed: Parsed
    batch: Batch
    parts: BatchInParts | None


def begin_block(task: Task, file: str, block: Block) -> BegunBlock:
    """Parse one block of a file, given by its path."""
    parsed = parse(block, text_key=task.plan.recipe.text_key, name=Path(file).name)
    batch = Batch(parsed.rows, task.models)
    if not task.plan.media:
        return BegunBlock(task, block, parsed, batch, None)
    from dj_assets.measure.media_stage import BatchInParts

    root = replace(_root(file, block), made=task.made)
    return BegunBlock(task, block, parsed, batch, BatchInParts.begun(task.plan, batch, root))


def measure_block(task: Task, file: str, block: Block) -> MeasuredBlock:
    """Parse and measure one block of a file, given by its path."""
    return measure_begun(begin_block(task, file, block))


def measure_begun(begun: BegunBlock, following: Callable[[], object] = dict) -> MeasuredBlock:
    """Measure a block, once; `following` is called before its last media are measured, if there are media."""
    task, block, parsed = begun.task, begun.block, begun.parsed
    rows = parsed.rows
    measured = _with_all_columns(task, _measured(begun, following))
    row, ids = _identity(rows, measured.lineage)
    shard = pa.repeat(pa.scalar(block.file_number, pa.int32()), len(row))
    made = measured.lineage
    in_stats, in_signatures = (made.in_stats(row), made.in_signatures()) if made else ({}, {})
    failed = [
        (block.file_number, row[f.index].as_py(), ids[f.index].as_py(), f.step, False, f.error)
        for f in measured.failures
    ]
    media = {} if measured.media is None else {MEDIA: measured.media}
    loading = [
        (block.file_number, reject.row, reject.id, LOAD, reject.dropped, reject.error) for reject in parsed.rejects
    ]
    return MeasuredBlock(
        tables={
            "cleaned": _batch({"shard": shard, "row": row, "id": ids, "text": measured.text}),
            "fields": _batch({"row": row, "fields": measured.fields}),
            "stats": _batch({"shard": shard, "row": row, "id": ids, **in_stats, **measured.statistics}),
            "signatures": _batch(
                {"row": row, "failed_at": measured.failed_at, **in_signatures, **measured.signatures, **media}
            ),
            "rejects": _rejects(loading + failed),
        },
        summary=BlockSummary(
            records=parsed.records,
            left_out=parsed.left_out,
            rows=len(row),
            dropped=sum(reject.dropped for reject in parsed.rejects),
            quarantined=sum(not reject.dropped for reject in parsed.rejects),
            text_bytes=rows.column("text").nbytes,
            file_bytes=block.file_bytes,
            missing_key=parsed.missing_key,
            field_types=_with_written(parsed.field_types, measured.written),
            seconds=measured.seconds,
            media=_media_digest(measured),
            calls=measured.calls,
        ),
    )


def _with_all_columns(task: Task, measured: Measured) -> Measured:
    """Return what one stage measured with the columns of all stages, null in the others."""
    whole = task.whole
    if whole is None:
        return measured
    size = len(measured.text)
    lineage = measured.lineage or Lineage.of_source(size)
    signed = ((step.signature, step.operator) for step in whole.deduplicators)
    types = {name: operator.signature_type for name, operator in signed if isinstance(operator, Deduplicator)}
    types |= {step.vector: VECTOR for step in whole.deduplicators if step.vector}
    return replace(
        measured,
        statistics={
            step.columns[statistic.key]: _or_nulls(
                measured.statistics.get(step.columns[statistic.key]), size, statistic.type
            )
            for step in whole.steps
            for statistic in step.statistics
        },
        signatures={name: _or_nulls(measured.signatures.get(name), size, kind) for name, kind in types.items()},
        lineage=lineage.beginning_at(task.made_at),
    )


def _or_nulls(column: pa.Array | None, size: int, kind: pa.DataType) -> pa.Array:
    return pa.nulls(size, kind) if column is None else column


def _media_digest(measured: Measured) -> str:
    """Return a digest of the media files of the samples, and of their decoders as far as these are not the usual."""
    files = "" if measured.media is None else digest_of(media_files(measured.media))
    return digest([files, sorted(measured.decoders.items())]) if measured.decoders else files


def decoded_otherwise_than_before(task: Task, file: str, block: Block) -> bool:
    """Return whether a block of a file, given by its path, lists media that are now decoded otherwise."""
    from dj_assets.measure.media_stage import decoded_otherwise

    rows = parse(block, text_key=task.plan.recipe.text_key, name=Path(file).name).rows
    return decoded_otherwise(task.plan, Batch(rows, task.models), _root(file, block))


def _measured(begun: BegunBlock, following: Callable[[], object]) -> Measured:
    """Measure the samples of a block; a plan over media measures them in parts."""
    frequent = as_in(begun.task.frequent, begun.block.file_number)
    if begun.parts is not None:
        return begun.parts.measured(frequent, following)
    return RowStage(begun.batch, frequent).run(begun.task.plan)


def _with_written(types: ColumnTypes, written: Sequence[Mapping[str, pa.DataType]]) -> ColumnTypes:
    """Return the types of the fields after operators wrote theirs into each part of a block."""
    return reduce(ColumnTypes.merge, (written_types(types, fields) for fields in written))


def _identity(rows: pa.RecordBatch, lineage: Lineage | None) -> tuple[pa.Array, pa.Array]:
    """Return row and id of every measured sample; those of children tell their part of the record."""
    if lineage is None:
        return rows.column("row"), rows.column("id")
    part = lineage.part
    row = row_of(rows.column("row").to_numpy()[lineage.origin], part)
    ids = rows.column("id").take(pa.array(lineage.origin)).to_pylist()
    return pa.array(row), pa.array([id_of(*named) for named in zip(ids, part.tolist(), strict=True)], pa.string())


def _root(file: str, block: Block) -> Root:
    root = block.reading.media_root
    return replace(root, folder=root.folder or str(Path(file).parent))


def _rejects(rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
    columns = list(zip(*sorted(rows), strict=True)) or [()] * len(REJECTS)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, REJECTS, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=REJECTS)


def _batch(columns: dict[str, pa.Array]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
