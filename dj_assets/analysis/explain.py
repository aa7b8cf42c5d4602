"""The trace of one sample through a run: its source, changes, statistics, outcome and kept duplicate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dj_assets.analysis.cuts import cuts_of
from dj_assets.analysis.differences import differences
from dj_assets.analysis.duplicate_pairs import duplicates_query
from dj_assets.analysis.examples import LOAD
from dj_assets.analysis.read_calls import CallReader
from dj_assets.analysis.sample_calls import Call, WatchedAnswers
from dj_assets.errors import DamagedError, UserError
from dj_assets.home.identity import in_words, source_row
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import MEASURE_AGAIN, require_measured, stored_manifest
from dj_assets.home.numbering import are_aggregates, step_of_aggregates
from dj_assets.home.run_manifest import RunManifest
from dj_assets.measure.first_samples import in_file
from dj_assets.measure.made_samples import aggregated, expanded
from dj_assets.measure.own_keys import rewriting, seen_by
from dj_assets.models.store import ModelStore
from dj_assets.operators.base import (
    Aggregator,
    CorpusMapper,
    Expander,
    FieldMapper,
    Filter,
    Grouper,
    Mapper,
    Operator,
    RecordMapper,
    Selector,
)
from dj_assets.operators.batch import FIELDS, Batch
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.operators.kinds.span_deduplicator import SpanDeduplicator
from dj_assets.operators.sql import Sql, joined, quoted
from dj_assets.operators.views.sample_fields import field_values, records
from dj_assets.publish.database import reading, require_database
from dj_assets.recipe.plan import Plan, Step
from dj_assets.sources.sources import SourceFile
from dj_assets.stores.generations import Generations
from dj_assets.stores.path import source_path
from dj_assets.subset.corpus import stored_frequent

# Characters of the value of a written field that are shown.
_LONGEST_VALUE = 200
# This number of children or members is listed by their ids; of more, the first and the last are shown.
_MOST_CHILDREN = 12


@dataclass(frozen=True)
class StepTrace:
    """The effect of one operator on the sample. `ended` marks the operator that dropped or quarantined it.

    `before` and `after` are the whole texts around a mapper that changes the text; both None for any other step.
    `calls` are those of a language model about the sample.
    """

    operator: str
    summary: str
    details: tuple[str, ...] = ()
    ended: bool = False
    before: str | None = None
    after: str | None = None
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True)
class SampleTrace:
    """One sample: its position, its outcome, and the operators in recipe order."""

    id: str
    shard: int
    row: int
    source: str
    outcome: str
    steps: tuple[StepTrace, ...]
    kept_duplicate: tuple[str, ...] = field(default=())


def explain(
    plan: Plan,
    layout: Layout,
    manifest: RunManifest,
    sample: str,
    models: ModelStore | None = None,
    *,
    files: Sequence[SourceFile] = (),
) -> list[SampleTrace]:
    """Return the trace of every sample with the id; ids need not be unique.

    Parameters
    ----------
    plan
        The plan of the run that was published.
    layout, manifest
        The folder of the run, and its manifest.
    files
        The source files, where they are not read unchanged.

    Raises
    ------
    UserError
        If no sample of the run has that id.
    """
    require_database(layout, manifest)
    with reading(layout.database) as connection:
        positions = _positions(connection, sample)
        if not positions:
            raise UserError(
                f"{layout.published}: no sample has the id {sample!r}; ids are in stats.parquet and stats.duckdb"
            )
        tracer = Tracer(plan, layout, manifest, connection, models or ModelStore(), files)
        return [tracer.trace(sample, shard, row) for shard, row in positions]


@dataclass(frozen=True)
class Tracer:
    """Trace samples of one run by their positions; the parameters are those of `explain`."""

    plan: Plan
    layout: Layout
    manifest: RunManifest
    connection: duckdb.DuckDBPyConnection
    models: ModelStore
    files: Sequence[SourceFile]

    def trace(self, sample: str, shard: int, row: int) -> SampleTrace:
        """Return the trace of the sample at a position; a sample that failed while it was loaded has no steps."""
        ended_by, outcome = self._outcome(shard, row)
        source = self.manifest.file(shard)
        if ended_by == LOAD:
            return SampleTrace(sample, shard, row, source.position(row)[0], outcome, ())
        path, own_row = source.position(source_row(row))
        whole = [member for file in self.files for member in (file, *file.members)]
        file = next((file for file in whole if str(file.path) == path and not file.is_joined), None)
        raw = _raw(path, own_row, self.plan.recipe.text_key, self._models, file)
        if raw is not None:
            # of joined files, the row is that among the samples of all
            raw = raw.with_column("row", pa.array([source_row(row)], pa.int64()))
        steps = self._steps(shard, row, raw, ended_by, quarantined=outcome.startswith("quarantined"))
        if are_aggregates(shard):
            path = f"groups of {self.plan.steps[step_of_aggregates(shard)].label}"
        return SampleTrace(sample, shard, row, path, outcome, steps, self._kept_duplicate(shard, row))

    @cached_property
    def _answers(self) -> WatchedAnswers:
        """Return what models answered in the run; nothing is asked."""
        return WatchedAnswers(Generations(self.layout.generations, read_only=True))

    @cached_property
    def _models(self) -> ModelStore:
        return replace(self.models, answers=self._answers)

    @cached_property
    def _calls(self) -> CallReader:
        return CallReader(self.plan, self.layout, self.manifest, self._models)

    def _outcome(self, shard: int, row: int) -> tuple[str | None, str]:
        dropped = self._row(Sql("SELECT operator, reason FROM dropped WHERE shard = ? AND row = ?", (shard, row)))
        if dropped:
            return dropped[0], f"dropped by {dropped[0]}: {dropped[1]}"
        failed = self._row(Sql("SELECT operator, error FROM quarantine WHERE shard = ? AND row = ?", (shard, row)))
        if failed:
            return failed[0], f"quarantined by {failed[0]}: {failed[1]}"
        if self.plan.expanders:
            query = "SELECT operator, children FROM expanded WHERE shard = ? AND row = ?"
            expanded = self._row(Sql(query, (shard, row)))
            if expanded:
                return expanded[0], f"replaced by {_samples(expanded[1])} of {expanded[0]}"
        aggregate = self._aggregate(shard, row)
        return (aggregate[0], f"member of {aggregate[1]} of {aggregate[0]}") if aggregate else (None, "kept")

    def _aggregate(self, shard: int, row: int) -> tuple[str, str] | None:
        """Return the grouper that made the sample a member, and the name of the aggregate; None if it is no member."""
        query = "SELECT operator, aggregate_id FROM grouped WHERE shard = ? AND row = ?"
        found = self._row(Sql(query, (shard, row))) if self.plan.groupers else None
        return (str(found[0]), str(found[1])) if found else None

    def _members(self, shard: int, row: int) -> list[str]:
        """Return the names of the members of an aggregate, in their order."""
        query = "SELECT id FROM grouped WHERE aggregate_shard = ? AND aggregate_row = ? ORDER BY rowid"
        return [str(name) for (name,) in self.connection.execute(query, [shard, row]).fetchall()]

    def _steps(
        self, shard: int, row: int, raw: Batch | None, ended_by: str | None, *, quarantined: bool
    ) -> tuple[StepTrace, ...]:
        """Return the traces of all steps; those before the sample was created are of the sample it was made from.

        The traces of an aggregate begin with its grouper.
        """
        created = self._created(shard, row)
        now = source_row(row)
        measured = self._measured(shard, now)
        first = step_of_aggregates(shard) if are_aggregates(shard) else -1
        members = self._members(shard, now) if first >= 0 else []
        traces, over = [], False
        for step in self.plan.steps[max(0, first) :]:
            ended = step.label == ended_by and now == row
            if over:
                trace = StepTrace(step.label, "not reached")
            elif quarantined and ended:
                over, trace = True, StepTrace(step.label, "failed", ended=True)
            elif isinstance(step.operator, Expander):
                siblings = self._children(shard, now, step)
                trace = _expanded(step.operator, step, [name for _, name in siblings], ended=ended)
                over = ended
                if step.index in created:
                    parent, now = now, created[step.index]
                    place = [child for child, _ in siblings].index(now)
                    raw = self._child(step.operator, raw, place)
                    measured = self._measured(shard, now)
                    trace = _made(step, place, siblings, self._name(shard, parent))
            elif isinstance(step.operator, Grouper):
                aggregate = self._aggregate(shard, now)
                trace = _grouped(step, members if step.index == first else None, aggregate, ended=ended)
                over = step.index != first
            elif isinstance(step.operator, Aggregator):
                read = self.plan.members_read[step.index]
                raw = None if raw is None else aggregated(step.operator, raw, read)
                trace = StepTrace(step.label, f"makes one text of {_samples(len(members))}")
            elif isinstance(step.operator, Mapper):
                before = raw
                self._calls.read(step.operator, before, (shard, now))
                raw, trace = _rewritten(step, step.operator, self._rewriting(step, step.operator, (shard, now)), raw)
                if isinstance(step.operator, SpanDeduplicator) and before is not None:
                    cuts = cuts_of(step.operator, before, stored_frequent(self.layout, step), shard, self._name)
                    trace = replace(trace, details=(*trace.details, *cuts))
            elif isinstance(step.operator, Filter):
                trace = self._judged(step, step.operator, measured, (shard, now), ended=ended)
                self._calls.read(step.operator, raw, (shard, now))
            elif isinstance(step.operator, Selector):
                trace = self._selected(step, step.operator, measured, ended=ended)
            else:
                trace = StepTrace(step.label, "computes the signature of the sample", ended=ended)
            traces.append(replace(trace, calls=self._answers.taken()))
        return tuple(traces)

    @staticmethod
    def _child(operator: Operator, raw: Batch | None, place: int) -> Batch | None:
        """Return a child of a sample as it was before the next steps; None if only its media could tell."""
        if raw is None or isinstance(operator, MediaOperator) or not isinstance(operator, Expander):
            return None
        return expanded(operator, raw).slice(place, 1)

    def _created(self, shard: int, row: int) -> dict[int, int]:
        """Return the rows of the sample and of those it was made from, by the index of the step that made each."""
        rows: dict[int, int] = {}
        query = "SELECT created_at, parent_row FROM stats WHERE shard = ? AND row = ?"
        while self.plan.expanders and (made := self._row(Sql(query, (shard, row)))) and made[0] is not None:
            rows[made[0]], row = row, made[1]
        return rows

    def _children(self, shard: int, row: int, step: Step) -> list[tuple[int, str]]:
        """Return row and id of the samples that a step made from one."""
        query = "SELECT row, id FROM stats WHERE shard = ? AND parent_row = ? AND created_at = ? ORDER BY row"
        return [(child, name) for child, name in self.connection.execute(query, [shard, row, step.index]).fetchall()]

    def _name(self, shard: int, row: int) -> str:
        named = self._row(Sql("SELECT id FROM stats WHERE shard = ? AND row = ?", (shard, row)))
        return str(named[0]) if named else ""

    def _selected(self, step: Step, operator: Selector, measured: Mapping[str, Any], *, ended: bool) -> StepTrace:
        values = [_shown(column, measured.get(column)) for column in step.columns.values()]
        return StepTrace(step.label, ", ".join([*values, operator.reason if ended else "selected"]), ended=ended)

    def _rewriting(self, step: Step, operator: Mapper, position: tuple[int, int]) -> Callable[[Batch], Batch]:
        if isinstance(operator, CorpusMapper):
            return rewriting(operator, partial(operator.rewrite, frequent=self._frequent(step, position[0])))
        if isinstance(step.operator, MediaOperator):
            return partial(self._with_measured_fields, position)
        return rewriting(operator, operator.apply)

    def _frequent(self, step: Step, shard: int) -> np.ndarray:
        frequent = stored_frequent(self.layout, step)
        return in_file(frequent, shard) if frequent.ndim > 1 else frequent

    def _with_measured_fields(self, position: tuple[int, int], batch: Batch) -> Batch:
        """Return a sample with its other fields as they were measured: no media are read again."""
        shard, row = position
        path = self._measured_file(self.layout, "fields", shard)
        (fields,) = pq.read_table(path, columns=[FIELDS], filters=[("row", "=", row)])[FIELDS].chunks
        return batch.with_column(FIELDS, fields)

    def _judged(
        self, step: Step, operator: Filter, measured: Mapping[str, object], position: tuple[int, int], *, ended: bool
    ) -> StepTrace:
        values = ", ".join(_shown(column, measured.get(column)) for column in step.columns.values())
        shard, row = position
        query = "SELECT {test} FROM stats WHERE shard = {shard} AND row = {row}"
        keeps = self._row(Sql.of(query, test=operator.condition.keep(step.columns), shard=shard, row=row))
        result = "" if keeps is None else ", passes" if keeps[0] else ", fails"
        thresholds = ", ".join(
            f"{key} {value}" for key, value in operator.parameters().items() if key in operator.judging
        )
        return StepTrace(step.label, f"{values}{result}" + (f" ({thresholds})" if thresholds else ""), ended=ended)

    def _measured(self, shard: int, row: int) -> dict[str, Any]:
        if not self.plan.stat_columns:
            return {}
        columns = joined(", ", [Sql(quoted(column)) for column in self.plan.stat_columns])
        query = "SELECT {columns} FROM stats WHERE shard = {shard} AND row = {row}"
        values = self._row(Sql.of(query, columns=columns, shard=shard, row=row))
        return dict(zip(self.plan.stat_columns, values, strict=True)) if values else {}

    def _kept_duplicate(self, shard: int, row: int) -> tuple[str, ...]:
        """Return the differences between the sample and its kept duplicate, both as cleaned."""
        query = """
            SELECT kept_shard, kept_row, kept_id, cluster_size, distance, against
            FROM ({duplicates}) WHERE shard = {shard} AND row = {row}
        """
        duplicates = duplicates_query(self.connection)
        duplicate = self._row(Sql.of(query, duplicates=duplicates, shard=shard, row=row))
        if duplicate is None:
            return ()
        kept_shard, kept_row, kept_id, size, distance, against = duplicate
        reference = "" if against is None else f" in {against} of the reference set"
        apart = "" if distance is None else f", distance {distance:.3g}"
        cluster = f"{size} samples in the cluster{apart}"
        head = f"the kept duplicate is {kept_id}{reference} (shard {kept_shard}, {in_words(kept_row)}; {cluster})"
        kept = self._cleaned(self.layout if against is None else self.layout.against, kept_shard, kept_row)
        dropped = self._cleaned(self.layout, shard, row)
        return (head, *(differences(kept, dropped) or ("their cleaned texts are the same",)))

    def _cleaned(self, layout: Layout, shard: int, row: int) -> str:
        path = self._measured_file(layout, "cleaned", shard)
        text = self._row(Sql("SELECT text FROM read_parquet(?) WHERE row = ?", (str(path), row)))
        return str(text[0]) if text else ""

    @staticmethod
    def _measured_file(layout: Layout, kind: str, shard: int) -> Path:
        file = stored_manifest(layout, shard)
        require_measured(layout, [file] if file else [], (kind,))
        path = layout.fetched(kind, shard)
        if not path.exists():
            raise DamagedError(f"{path}: is missing; {MEASURE_AGAIN}")
        return path

    def _row(self, query: Sql) -> tuple[Any, ...] | None:
        return query.execute(self.connection).fetchone()


def _positions(connection: duckdb.DuckDBPyConnection, sample: str) -> list[tuple[int, int]]:
    query = """
        SELECT DISTINCT shard, row FROM (
            SELECT shard, row, id FROM stats UNION ALL SELECT shard, row, id FROM dropped
            UNION ALL SELECT shard, row, id FROM quarantine
        ) WHERE id = ? ORDER BY shard, row
    """
    return [(int(shard), int(row)) for shard, row in connection.execute(query, [sample]).fetchall()]


def _samples(number: int) -> str:
    return f"{number:,} sample{'s' * (number != 1)}"


def _expanded(operator: Expander, step: Step, names: Sequence[str], *, ended: bool) -> StepTrace:
    """Return the trace of a sample that others were made from."""
    stays = "and stays" if operator.keeps_parents else "which replace it"
    return StepTrace(step.label, f"makes {_samples(len(names))} from it, {stays}", _listed(names), ended=ended)


def _grouped(step: Step, members: Sequence[str] | None, aggregate: tuple[str, str] | None, *, ended: bool) -> StepTrace:
    """Return the trace of the step that made a sample of `members`, or that made the sample a member of another."""
    if members is not None:
        return StepTrace(step.label, f"makes this sample of {_samples(len(members))}", _listed(members))
    summary = f"makes it a member of {aggregate[1]}" if aggregate else "forms groups of the samples that are left"
    return StepTrace(step.label, summary, ended=ended)


def _listed(names: Sequence[str]) -> tuple[str, ...]:
    if not names:
        return ()
    return (", ".join(names),) if len(names) < _MOST_CHILDREN else (f"{names[0]} … {names[-1]}",)


def _made(step: Step, place: int, siblings: Sequence[tuple[int, str]], parent: str) -> StepTrace:
    """Return the trace of the step that made a sample."""
    return StepTrace(step.label, f"makes this sample from {parent}, number {place + 1} of {len(siblings)}")


def _rewritten(
    step: Step, operator: Mapper, rewrite: Callable[[Batch], Batch], raw: Batch | None
) -> tuple[Batch | None, StepTrace]:
    if raw is None:
        return None, StepTrace(step.label, "rewrites the text (the text before this step cannot be read again)")
    new = rewrite(raw)
    if isinstance(operator, FieldMapper):
        written = {name: field_values(new, name)[0] for name in operator.fields}
        return new, StepTrace(step.label, ", ".join(f"writes {_short(name, value)}" for name, value in written.items()))
    before, after = (seen_by(operator, batch).text[0].as_py() for batch in (raw, new))
    changes = differences(before, after)
    edited = _edited_fields(raw, new) if isinstance(operator, RecordMapper) else []
    parts = [*([f"{len(changes)} places"] if changes else []), *(["the fields " + ", ".join(edited)] if edited else [])]
    return new, StepTrace(
        step.label, f"changes {' and '.join(parts) or 'nothing'}", tuple(changes), before=before, after=after
    )


def _edited_fields(before: Batch, after: Batch) -> list[str]:
    """Return the names of the fields of a sample that differ."""
    old, new = (records(batch)[0] for batch in (before, after))
    return [name for name in new if new[name] != old.get(name)]


def _raw(source: str, row: int, text_key: str, models: ModelStore, file: SourceFile | None = None) -> Batch | None:
    """Return the sample as loaded again from its source; None where the source is gone or has no text."""
    from dj_assets.sources.readers import Reader, parse

    path = source_path(source)
    if not path.exists():
        return None
    holder = None
    for block in Reader(file or SourceFile.at(path), 0).blocks():
        if block.first_row > row:
            break
        holder = block
    if holder is None:
        return None
    rows = parse(holder, text_key=text_key, name=path.name).rows
    numbers: Sequence[int] = rows.column("row").to_pylist()
    return Batch(rows.slice(numbers.index(row), 1), models) if row in numbers else None


def _short(name: str, value: object) -> str:
    text = repr(value)
    return f"{name} = {text if len(text) <= _LONGEST_VALUE else f'{text[:_LONGEST_VALUE]}…'}"


def _shown(column: str, value: object) -> str:
    if value is None:
        return f"{column} not measured"
    return f"{column} = {value:.6g}" if isinstance(value, float) else f"{column} = {value}"
