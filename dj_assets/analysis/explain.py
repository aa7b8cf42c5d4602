"""The trace of one sample through a run: its source, changes, statistics, outcome and kept duplicate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import duckdb

from dj_assets.analysis.differences import differences
from dj_assets.analysis.duplicate_pairs import duplicates_query
from dj_assets.analysis.examples import LOAD
from dj_assets.errors import DamagedError, UserError
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import MEASURE_AGAIN, require_measured, stored_manifest
from dj_assets.home.run_manifest import RunManifest
from dj_assets.models.store import ModelStore
from dj_assets.operators.base import CorpusMapper, Filter, Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import quoted
from dj_assets.publish.database import reading, require_database
from dj_assets.recipe.plan import Plan, Step
from dj_assets.sources.sources import SourceFile
from dj_assets.stores.path import source_path
from dj_assets.subset.corpus import stored_frequent


@dataclass(frozen=True)
class StepTrace:
    """The effect of one operator on the sample. `ended` marks the operator that dropped or quarantined it."""

    operator: str
    summary: str
    details: tuple[str, ...] = ()
    ended: bool = False


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
        tracer = _Tracer(plan, layout, manifest, connection, models or ModelStore(), files)
        return [tracer.trace(sample, shard, row) for shard, row in positions]


@dataclass(frozen=True)
class _Tracer:
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
        path, own_row = source.position(row)
        whole = [member for file in self.files for member in (file, *file.members)]
        file = next((file for file in whole if str(file.path) == path and not file.members), None)
        raw = _raw(path, own_row, self.plan.recipe.text_key, self.models, file)
        steps = self._steps(shard, row, raw, ended_by, quarantined=outcome.startswith("quarantined"))
        return SampleTrace(sample, shard, row, path, outcome, steps, self._kept_duplicate(shard, row))

    def _outcome(self, shard: int, row: int) -> tuple[str | None, str]:
        dropped = self._row("SELECT operator, reason FROM dropped WHERE shard = ? AND row = ?", shard, row)
        if dropped:
            return dropped[0], f"dropped by {dropped[0]}: {dropped[1]}"
        failed = self._row("SELECT operator, error FROM quarantine WHERE shard = ? AND row = ?", shard, row)
        return (failed[0], f"quarantined by {failed[0]}: {failed[1]}") if failed else (None, "kept")

    def _steps(
        self, shard: int, row: int, raw: Batch | None, ended_by: str | None, *, quarantined: bool
    ) -> tuple[StepTrace, ...]:
        measured = self._measured(shard, row)
        traces, failed = [], False
        for step in self.plan.steps:
            ended = step.label == ended_by
            if failed:
                trace = StepTrace(step.label, "not reached")
            elif quarantined and ended:
                failed, trace = True, StepTrace(step.label, "failed", ended=True)
            elif isinstance(step.operator, Mapper):
                raw, trace = _rewritten(step, self._rewriting(step, step.operator), raw)
            elif isinstance(step.operator, Filter):
                trace = self._judged(step, step.operator, measured, (shard, row), ended=ended)
            else:
                trace = StepTrace(step.label, "computes the signature of the sample", ended=ended)
            traces.append(trace)
        return tuple(traces)

    def _rewriting(self, step: Step, operator: Mapper) -> Callable[[Batch], Batch]:
        if isinstance(operator, CorpusMapper):
            return partial(operator.rewrite, frequent=stored_frequent(self.layout, step))
        return operator.apply

    def _judged(
        self, step: Step, operator: Filter, measured: Mapping[str, Any], position: tuple[int, int], *, ended: bool
    ) -> StepTrace:
        values = ", ".join(_shown(column, measured.get(column)) for column in step.columns.values())
        test = operator.condition.keep(step.columns)
        query = f"SELECT {test.text} FROM stats WHERE shard = ? AND row = ?"  # noqa: S608 - conditions bind their values
        keeps = self._row(query, *test.parameters, *position)
        result = "" if keeps is None else ", passes" if keeps[0] else ", fails"
        thresholds = ", ".join(
            f"{key} {value}" for key, value in operator.parameters().items() if key in operator.judging
        )
        return StepTrace(step.label, f"{values}{result}" + (f" ({thresholds})" if thresholds else ""), ended=ended)

    def _measured(self, shard: int, row: int) -> dict[str, Any]:
        columns = ", ".join(quoted(column) for column in self.plan.stat_columns)
        if not columns:
            return {}
        values = self._row(f"SELECT {columns} FROM stats WHERE shard = ? AND row = ?", shard, row)  # noqa: S608 - quoted
        return dict(zip(self.plan.stat_columns, values, strict=True)) if values else {}

    def _kept_duplicate(self, shard: int, row: int) -> tuple[str, ...]:
        """Return the differences between the sample and its kept duplicate, both as cleaned."""
        query = f"""
            SELECT kept_shard, kept_row, kept_id, cluster_size, distance, against
            FROM ({duplicates_query(self.connection)}) WHERE shard = ? AND row = ?
        """  # noqa: S608 - a query from this package
        duplicate = self._row(query, shard, row)
        if duplicate is None:
            return ()
        kept_shard, kept_row, kept_id, size, distance, against = duplicate
        reference = "" if against is None else f" in {against} of the reference set"
        apart = "" if distance is None else f", distance {distance:.3g}"
        cluster = f"{size} samples in the cluster{apart}"
        head = f"the kept duplicate is {kept_id}{reference} (shard {kept_shard}, row {kept_row}; {cluster})"
        kept = self._cleaned(self.layout if against is None else self.layout.against, kept_shard, kept_row)
        dropped = self._cleaned(self.layout, shard, row)
        return (head, *(differences(kept, dropped) or ("their cleaned texts are the same",)))

    def _cleaned(self, layout: Layout, shard: int, row: int) -> str:
        file = stored_manifest(layout, shard)
        require_measured(layout, [file] if file else [], ("cleaned",))
        path = layout.fetched("cleaned", shard)
        if not path.exists():
            raise DamagedError(f"{path}: is missing; {MEASURE_AGAIN}")
        text = self._row("SELECT text FROM read_parquet(?) WHERE row = ?", str(path), row)
        return str(text[0]) if text else ""

    def _row(self, query: str, *parameters: object) -> tuple[Any, ...] | None:
        return self.connection.execute(query, list(parameters)).fetchone()


def _positions(connection: duckdb.DuckDBPyConnection, sample: str) -> list[tuple[int, int]]:
    query = """
        SELECT DISTINCT shard, row FROM (
            SELECT shard, row, id FROM stats UNION ALL SELECT shard, row, id FROM dropped
            UNION ALL SELECT shard, row, id FROM quarantine
        ) WHERE id = ? ORDER BY shard, row
    """
    return [(int(shard), int(row)) for shard, row in connection.execute(query, [sample]).fetchall()]


def _rewritten(step: Step, rewrite: Callable[[Batch], Batch], raw: Batch | None) -> tuple[Batch | None, StepTrace]:
    if raw is None:
        return None, StepTrace(step.label, "rewrites the text (the source no longer exists)")
    new = rewrite(raw)
    changes = differences(raw.text[0].as_py(), new.text[0].as_py())
    summary = f"changes {len(changes)} places" if changes else "changes nothing"
    return new, StepTrace(step.label, summary, tuple(changes))


def _raw(source: str, row: int, text_key: str, models: ModelStore, file: SourceFile | None = None) -> Batch | None:
    """Return the sample as loaded again from its source; None where the source is gone or has no text."""
    from dj_assets.sources.readers import Reader, parse

    path = source_path(source)
    if not path.exists():
        return None
    for block in Reader(file or SourceFile.at(path), 0).blocks():
        rows = parse(block, text_key=text_key, name=path.name).rows
        numbers: Sequence[int] = rows.column("row").to_pylist()
        if row in numbers:
            return Batch(rows.slice(numbers.index(row), 1), models)
        if numbers and numbers[-1] > row:
            return None
    return None


def _shown(column: str, value: object) -> str:
    if value is None:
        return f"{column} not measured"
    return f"{column} = {value:.6g}" if isinstance(value, float) else f"{column} = {value}"
