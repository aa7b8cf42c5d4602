"""One recipe tried out on its finished run: every answer is exact for a set of changed bounds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import duckdb
from pydantic import ValidationError

from dj_assets.analysis.changed_recipe import changed_lines, with_parameters, write_changed
from dj_assets.errors import UserError
from dj_assets.publish.database import open_database
from dj_assets.recipe.edit import Value
from dj_assets.recipe.model import Recipe
from dj_assets.recipe.plan import Plan, make_plan
from dj_assets.subset.measured_run import MeasuredRun
from dj_assets.what_if.borders import neighbours
from dj_assets.what_if.bounds import Movable, axis, movables
from dj_assets.what_if.filters_alone import FilterCount, count_filters
from dj_assets.what_if.judged import Judged

Changes = Mapping[int, Mapping[str, Value]]
Answer = dict[str, object]


class OvertakenError(Exception):
    """Raised when a later question of the same kind was asked, so that this answer is no longer needed."""


class Session:
    """A recipe over the finished run in a folder. Several threads may use it; replays run one after another.

    The opened run stays readable when another run is published meanwhile; `is_current` is then false.
    """

    def __init__(self, recipe: Recipe, folder: Path, threads: int) -> None:
        """Open the run.

        Raises
        ------
        UserError
            If there is no finished run, or the run measured something else.
        """
        self.recipe = recipe
        self.run = MeasuredRun.open(folder, make_plan(recipe), threads)
        self._connection = open_database(self.run.layout.database, threads)
        self.judged = Judged(self._connection, self.run.measured_files("rejects"))
        self._replaying = threading.Lock()
        self._newest = 0

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def is_current(self) -> bool:
        """Return whether the run is still the newest one."""
        return self.run.is_newest()

    def about(self) -> Answer:
        """Return the recipe, the run, and every bound that can be moved."""
        steps = [{"operator": step.label, "index": step.index} for step in self.run.plan.deduplicators]
        return {
            "name": self.recipe.name,
            "file": self.recipe.file,
            "run": self.run.manifest.run_id,
            "samples_in": self.run.samples_in,
            "deduplicators": steps,
            "filters": [_movable(movable) for movable in movables(make_plan(self.recipe))],
        }

    def axis(self, statistic: str) -> Answer:
        """Return the histogram of one statistic over all samples; empty where there is no number."""
        plan = make_plan(self.recipe)
        with self._cursor() as cursor:
            axis_ = axis(cursor, plan, _find(plan, lambda movable: movable.statistic == statistic))
        return asdict(axis_) if axis_ else {}

    def filters(self, changes: Changes) -> Answer:
        """Return the funnel of the filters alone, as if no deduplicator or selector dropped anything."""
        started = time.perf_counter()
        plan = self.changed(changes)
        # bounds before an expander decide which samples exist: only a replay knows
        steps = self._replayed_filters(plan) if plan.makes_samples else count_filters(self.judged, plan)
        return {"steps": [asdict(step) for step in steps], "seconds": round(time.perf_counter() - started, 3)}

    def whole(self, changes: Changes) -> Answer:
        """Return the funnel of the whole recipe, deduplicators included, by a replay.

        Raises
        ------
        OvertakenError
            If another replay was requested before this one began.
        """
        self._newest = ticket = self._newest + 1
        with self._replaying:
            if ticket != self._newest:
                raise OvertakenError
            started = time.perf_counter()
            steps = self.run.funnel(self.changed(changes))
        return {"steps": [asdict(step) for step in steps], "seconds": round(time.perf_counter() - started, 3)}

    def border(self, changes: Changes, index: int, parameter: str) -> Answer:
        """Return the samples nearest to one bound, of those that all other filters keep."""
        plan = self.changed(changes)
        movable = _find(
            plan,
            lambda movable_: movable_.step.index == index and any(b.parameter == parameter for b in movable_.bounds),
        )
        bound = next(bound for bound in movable.bounds if bound.parameter == parameter)
        samples = neighbours(self.judged, plan, self.run.layout, (movable, bound))
        return {"samples": [asdict(sample) for sample in samples]}

    def preview(self, changes: Changes) -> Answer:
        """Return the lines of the recipe's file that writing would change."""
        self.changed(changes)
        return {"file": self.recipe.file, "lines": changed_lines(self.recipe, changes)}

    def write(self, changes: Changes) -> Answer:
        """Write the recipe with the changed bounds; nothing else in its file changes."""
        changed = self.changed(changes).recipe
        write_changed(self.recipe, changes, changed, Path(self.recipe.file))
        self.recipe = changed
        return {"file": changed.file}

    def _replayed_filters(self, plan: Plan) -> list[FilterCount]:
        counts = self.run.funnel(plan, filters_alone=True)
        return [
            FilterCount(
                step.operator, step.index, step.samples_in, step.samples_out, max(0, step.samples_in - step.samples_out)
            )
            for step in counts
        ]

    def changed(self, changes: Changes) -> Plan:
        """Return the plan of the recipe with changed bounds.

        Raises
        ------
        UserError
            If the recipe refuses a value, or has no such operator.
        """
        try:
            return make_plan(with_parameters(self.recipe, changes))
        except (ValidationError, IndexError) as error:
            reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else "no such operator"
            raise UserError(f"{self.recipe.file}: {reason}") from error

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self._connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()


def _movable(movable: Movable) -> Answer:
    return {
        "operator": movable.step.label,
        "index": movable.step.index,
        "statistic": movable.statistic,
        "unit": movable.unit,
        "bounds": [asdict(bound) for bound in movable.bounds],
        "reversed": movable.range.reversed,
        "fixed": movable.fixed,
    }


def _find(plan: Plan, wanted: Callable[[Movable], bool]) -> Movable:
    movable_ = next((movable for movable in movables(plan) if wanted(movable)), None)
    if movable_ is None:
        raise UserError(f"{plan.recipe.file}: has no such bound")
    return movable_
