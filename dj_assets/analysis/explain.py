"""A sample's whole story: where it is from, what changed it, what was measured, what ended it, its twin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import duckdb

from dj_assets.analysis.differences import differences
from dj_assets.analysis.examples import LOAD
from dj_assets.analysis.twins import duplicates_query
from dj_assets.errors import DamagedError, UserError
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import MEASURE_AGAIN, file_record, require_measured, stored_manifest
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
class StepStory:
    """What one operator had to do with the sample. `ended` marks the one that decided its fate."""

    operator: str
    said: str
    details: tuple[str, ...] = ()
    ended: bool = False


@dataclass(frozen=True)
class Story:
    """One sample: its place, its fate, and the operators in recipe order."""

    id: str
    shard: int
    row: int
    source: str
    fate: str
    steps: tuple[StepStory, ...]
    twin: tuple[str, ...] = field(default=())


def explain(
    plan: Plan,
    layout: Layout,
    manifest: Mapping[str, Any],
    sample: str,
    models: ModelStore | None = None,
    *,
    files: Sequence[SourceFile] = (),
) -> list[Story]:
    """Return the story of every sample with an id; ids need not be unique.

    Parameters
    ----------
    plan
        The plan of the run that was published.
    layout, manifest
        Where it lies, and its manifest.
    files
        The source files, where they are read otherwise than as they stand.

    Raises
    ------
    UserError
        If no sample of the run has that id.
    """
    require_database(layout, manifest)
    with reading(layout.database) as connection:
        places = _places(connection, sample)
        if not places:
            raise UserError(
                f"{layout.published}: no sample has the id {sample!r}; ids stand in stats.parquet and stats.duckdb"
            )
        teller = _Teller(plan, layout, manifest, connection, models or ModelStore(), files)
        return [teller.tell(sample, shard, row) for shard, row in places]


@dataclass(frozen=True)
class _Teller:
    plan: Plan
    layout: Layout
    manifest: Mapping[str, Any]
    connection: duckdb.DuckDBPyConnection
    models: ModelStore
    files: Sequence[SourceFile]

    def tell(self, sample: str, shard: int, row: int) -> Story:
        """Return what happened to the sample at a place; one that ended while it was loaded has no steps."""
        ended_by, fate = self._fate(shard, row)
        source = file_record(self.manifest, shard)
        if ended_by == LOAD:
            return Story(sample, shard, row, source["path"], fate, ())
        file = next((file for file in self.files if str(file.path) == source["path"]), None)
        raw = _raw(source, row, self.plan.recipe.text_key, self.models, file)
        steps = self._steps(shard, row, raw, ended_by, quarantined=fate.startswith("quarantined"))
        return Story(sample, shard, row, source["path"], fate, steps, self._twin(shard, row))

    def _fate(self, shard: int, row: int) -> tuple[str | None, str]:
        dropped = self._one("SELECT operator, reason FROM dropped WHERE shard = ? AND row = ?", shard, row)
        if dropped:
            return dropped[0], f"dropped by {dropped[0]}: {dropped[1]}"
        failed = self._one("SELECT operator, error FROM quarantine WHERE shard = ? AND row = ?", shard, row)
        return (failed[0], f"quarantined by {failed[0]}: {failed[1]}") if failed else (None, "kept")

    def _steps(
        self, shard: int, row: int, raw: Batch | None, ended_by: str | None, *, quarantined: bool
    ) -> tuple[StepStory, ...]:
        measured = self._measured(shard, row)
        stories, failed = [], False
        for step in self.plan.steps:
            ended = step.label == ended_by
            if failed:
                story = StepStory(step.label, "not reached")
            elif quarantined and ended:
                failed, story = True, StepStory(step.label, "failed", ended=True)
            elif isinstance(step.operator, Mapper):
                raw, story = _rewritten(step, self._rewriting(step, step.operator), raw)
            elif isinstance(step.operator, Filter):
                story = self._judged(step, step.operator, measured, (shard, row), ended=ended)
            else:
                story = StepStory(step.label, "signs the sample", ended=ended)
            stories.append(story)
        return tuple(stories)

    def _rewriting(self, step: Step, operator: Mapper) -> Callable[[Batch], Batch]:
        if isinstance(operator, CorpusMapper):
            return partial(operator.rewrite, frequent=stored_frequent(self.layout, step))
        return operator.apply

    def _judged(
        self, step: Step, operator: Filter, measured: Mapping[str, Any], place: tuple[int, int], *, ended: bool
    ) -> StepStory:
        values = ", ".join(_shown(column, measured.get(column)) for column in step.columns.values())
        test = operator.condition.keep(step.columns)
        query = f"SELECT {test.text} FROM stats WHERE shard = ? AND row = ?"  # noqa: S608 - conditions bind their values
        keeps = self._one(query, *test.parameters, *place)
        verdict = "" if keeps is None else ", passes" if keeps[0] else ", fails"
        asked = ", ".join(f"{key} {value}" for key, value in operator.parameters().items() if key in operator.judging)
        return StepStory(step.label, f"{values}{verdict}" + (f" ({asked})" if asked else ""), ended=ended)

    def _measured(self, shard: int, row: int) -> dict[str, Any]:
        columns = ", ".join(quoted(column) for column in self.plan.stat_columns)
        if not columns:
            return {}
        found = self._one(f"SELECT {columns} FROM stats WHERE shard = ? AND row = ?", shard, row)  # noqa: S608 - quoted
        return dict(zip(self.plan.stat_columns, found, strict=True)) if found else {}

    def _twin(self, shard: int, row: int) -> tuple[str, ...]:
        """Return how the sample differs from the twin that was kept, both as cleaned."""
        query = f"""
            SELECT kept_shard, kept_row, kept_id, cluster_size, distance, against
            FROM ({duplicates_query(self.connection)}) WHERE shard = ? AND row = ?
        """  # noqa: S608 - a query of ours
        twin = self._one(query, shard, row)
        if twin is None:
            return ()
        kept_shard, kept_row, kept_id, size, distance, against = twin
        stands = f"its twin {kept_id} " + (
            "is kept" if against is None else f"stands in {against}, deduplicated against"
        )
        apart = "" if distance is None else f", distance {distance:.3g}"
        head = f"{stands} (shard {kept_shard}, row {kept_row}; {size} samples in the cluster{apart})"
        kept = self._cleaned(self.layout if against is None else self.layout.against, kept_shard, kept_row)
        own = self._cleaned(self.layout, shard, row)
        return (head, *(differences(kept, own) or ("their cleaned texts are the same",)))

    def _cleaned(self, layout: Layout, shard: int, row: int) -> str:
        file = stored_manifest(layout, shard)
        require_measured(layout, [file] if file else [], ("cleaned",))
        path = layout.fetched("cleaned", shard)
        if not path.exists():
            raise DamagedError(f"{path}: is missing; {MEASURE_AGAIN}")
        found = self._one("SELECT text FROM read_parquet(?) WHERE row = ?", str(path), row)
        return str(found[0]) if found else ""

    def _one(self, query: str, *parameters: object) -> tuple[Any, ...] | None:
        return self.connection.execute(query, list(parameters)).fetchone()


def _places(connection: duckdb.DuckDBPyConnection, sample: str) -> list[tuple[int, int]]:
    query = """
        SELECT DISTINCT shard, row FROM (
            SELECT shard, row, id FROM stats UNION ALL SELECT shard, row, id FROM dropped
            UNION ALL SELECT shard, row, id FROM quarantine
        ) WHERE id = ? ORDER BY shard, row
    """
    return [(int(shard), int(row)) for shard, row in connection.execute(query, [sample]).fetchall()]


def _rewritten(step: Step, rewrite: Callable[[Batch], Batch], raw: Batch | None) -> tuple[Batch | None, StepStory]:
    if raw is None:
        return None, StepStory(step.label, "rewrites the text (the source is not there any more)")
    new = rewrite(raw)
    changes = differences(raw.text[0].as_py(), new.text[0].as_py())
    said = f"changes {len(changes)} places" if changes else "changes nothing"
    return new, StepStory(step.label, said, tuple(changes))


def _raw(
    shard: Mapping[str, Any], row: int, text_key: str, models: ModelStore, file: SourceFile | None = None
) -> Batch | None:
    """Read the sample again from its source, as it was loaded; None where that is gone or has no text."""
    from dj_assets.sources.readers import Reader, parse

    path = source_path(shard["path"])
    if not path.exists():
        return None
    for block in Reader(file or SourceFile.at(path), shard["shard"]).blocks():
        rows = parse(block, text_key=text_key, name=path.name).rows
        numbers: Sequence[int] = rows.column("row").to_pylist()
        if row in numbers:
            place = numbers.index(row)
            return Batch(rows.slice(place, 1), models)
        if numbers and numbers[-1] > row:
            return None
    return None


def _shown(column: str, value: object) -> str:
    if value is None:
        return f"{column} not measured"
    return f"{column} = {value:.6g}" if isinstance(value, float) else f"{column} = {value}"
