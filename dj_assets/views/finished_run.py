"""The public face of a finished run: its tables as DuckDB relations, traces of samples, and a view for notebooks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import pyarrow as pa
from pydantic import ValidationError

from dj_assets import settings
from dj_assets.analysis.changed_recipe import with_parameters
from dj_assets.analysis.explain import SampleTrace, explain
from dj_assets.analysis.figures import percent
from dj_assets.analysis.similar import SimilarSample, similar
from dj_assets.errors import DamagedError, UserError
from dj_assets.home.layout import Layout
from dj_assets.home.publication import Publication
from dj_assets.home.run_manifest import FunnelStep, RunManifest
from dj_assets.operators.registry import nearest
from dj_assets.publish.database import is_of_run, open_database
from dj_assets.recipe.edit import Value
from dj_assets.recipe.plan import Plan, make_plan
from dj_assets.stores.copies import at_hand
from dj_assets.subset.finished import files_as_read, finished_run, plan_of_run
from dj_assets.subset.measured_run import MeasuredRun
from dj_assets.views.distributions import distributions_svg
from dj_assets.views.page.html import Html, joined, table, tag

# A newer run is moved into place within milliseconds.
_PUBLISHING_S, _PAUSE_S = 10.0, 0.01
_BAR = "background: linear-gradient(to right, #b9d3ee {share}, transparent {share})"


class FinishedRun:
    r"""Give the tables of a finished run as DuckDB relations, with `.df()`, `.pl()`, `.arrow()` and all queries.

    The tables are those of `stats.duckdb` (see `docs/stats.md`), which stay readable when another run is published
    meanwhile. Only `refined` reads files that a newer run replaces: `is_current` says whether it did. A notebook shows
    the funnel and the distributions of the statistics.

    Examples
    --------
    >>> from pathlib import Path
    >>> import dj_assets
    >>> size = Path("in.jsonl").write_text('{"text": "A long text.", "id": "a"}\n{"text": "One.", "id": "b"}')
    >>> recipe = {"process": [{"text_length_filter": {"min_len": 10}}]}
    >>> result = dj_assets.run_recipe(recipe, ["in.jsonl"], "out", workers=1)
    >>> run = dj_assets.open("out")
    >>> run.stats.filter("text_len > 5").select("id, text_len").fetchall()
    [('a', 12)]
    >>> run.refined.select("text").fetchall()
    [('A long text.',)]
    >>> run.explain("b")[0].outcome
    'dropped by text_length_filter: below min_len 10'
    >>> run.what_if({"text_length_filter": {"min_len": 3}}).select("operator, samples_out").fetchall()
    [('text_length_filter', 2)]
    """

    def __init__(self, layout: Layout, manifest: RunManifest) -> None:
        self.layout = layout
        self.manifest = manifest
        self._published = Publication.of(layout)

    @classmethod
    def open(cls, name: str) -> Self:
        """Open the newest run; a run that is being published just now is waited for.

        Raises
        ------
        UserError
            If there is none, or a run was stopped while it was published.
        """
        until = time.monotonic() + _PUBLISHING_S
        while True:
            run = cls(*finished_run(name))
            if run._is_whole():
                return run
            run.close()
            if time.monotonic() > until:
                raise UserError(f"{name}: a run was stopped while it was published; run it again")
            time.sleep(_PAUSE_S)

    @property
    def name(self) -> str:
        """Return the name of the subset or recipe."""
        return self.manifest.name

    @property
    def stats(self) -> duckdb.DuckDBPyRelation:
        """Return the statistics of every loaded sample."""
        return self._connection.table("stats")

    @property
    def dropped(self) -> duckdb.DuckDBPyRelation:
        """Return the dropped samples with operator, reason, value and kept duplicate."""
        return self._connection.table("dropped")

    @property
    def duplicates(self) -> duckdb.DuckDBPyRelation:
        """Return the duplicates that were dropped, each with the duplicate that was kept."""
        return self._connection.table("duplicates")

    @property
    def quarantine(self) -> duckdb.DuckDBPyRelation:
        """Return the samples that could not be read or measured, each with its error."""
        return self._connection.table("quarantine")

    @property
    def funnel(self) -> duckdb.DuckDBPyRelation:
        """Return samples in and out of every operator, in recipe order."""
        return self._connection.table("funnel").order("step")

    @property
    def refined(self) -> duckdb.DuckDBPyRelation:
        """Return the kept samples, in the order of the source files; DuckDB finds the types of JSON lines."""
        files = [str(at_hand(self.layout.refined / part.name)) for part in self.manifest.refined]
        if not files:
            return self._connection.sql("SELECT id AS __dj_id__ FROM stats WHERE FALSE")
        if Path(files[0]).suffix == ".parquet":
            return self._connection.read_parquet(files, union_by_name=True)
        query = "SELECT * FROM read_json(?, format = 'newline_delimited', union_by_name = TRUE, sample_size = -1)"
        return self._connection.sql(query, params=[files])

    def is_current(self) -> bool:
        """Return whether no newer run was published since this one was opened.

        Asked after reading, True means that all that was read is of this run, also `refined`: the database is the first
        file that a newer run replaces.
        """
        return self._published == Publication.of(self.layout)

    def explain(self, sample: str) -> list[SampleTrace]:
        """Return the trace of every sample with an id: its changes, its statistics, the operator that dropped it.

        Raises
        ------
        UserError
            If no sample has that id.
        """
        return explain(self.plan, self.layout, self.manifest, sample, files=files_as_read(self.manifest))

    def similar(self, *texts: str, threshold: float = 0.5, most: int = 10) -> list[SimilarSample]:
        """Return the samples nearest to each text by MinHash, dropped ones included, the most similar first.

        Parameters
        ----------
        threshold
            The least Jaccard similarity of the shingles of both texts, from 0 to 1.
        most
            The most samples for each text. To search in several runs, see `dj_assets.analysis.similar.similar`.

        Raises
        ------
        UserError
            If a text is too short for a shingle, five words.
        """
        return similar({self.name: (self.layout, self.manifest)}, texts, threshold=threshold, most=most)

    def what_if(self, changes: Mapping[str, Mapping[str, Value]]) -> duckdb.DuckDBPyRelation:
        """Return the funnel that other thresholds would give, by a replay; nothing is measured and nothing written.

        Parameters
        ----------
        changes
            The parameters to change, by the name of the operator; the second instance of one has `_2` after its name.

        Raises
        ------
        UserError
            If there is no such operator, a value is not valid, or the change would measure something else.
        """
        labels = {step.label: step.index for step in self.plan.steps}
        for label in changes:
            if label not in labels:
                near = nearest(label, sorted(labels))
                fix = f"did you mean {near!r}?" if near else f"it has {', '.join(labels)}"
                raise UserError(f"{self.name}: has no operator {label!r}; {fix}")
        try:
            changed = with_parameters(self.plan.recipe, {labels[label]: values for label, values in changes.items()})
        except ValidationError as error:
            raise UserError(f"{self.name}: {error.errors(include_url=False)[0]['msg']}") from None
        opened = MeasuredRun.open(self.layout.published, self.plan, settings.default_workers())
        steps = opened.funnel(make_plan(changed))
        columns = {name: [getattr(step, name) for step in steps] for name in ("operator", "samples_in", "samples_out")}
        return self._connection.from_arrow(pa.table(columns))

    @cached_property
    def plan(self) -> Plan:
        """Return the plan of the recipe as the run used it."""
        return plan_of_run(self.manifest)

    def close(self) -> None:
        """Close the database; its relations cannot be read after that."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<FinishedRun {self.name}: {self._counts()}, run {self.manifest.run_id}>"

    def _repr_html_(self) -> str:
        """Return the funnel and the distributions as HTML, for notebooks."""
        steps = (*self.manifest.loading, *self.manifest.funnel)
        head = ("operator", "in", "out", "dropped", "kept")
        funnel = table(head, [_row(step, self.manifest.samples_in) for step in steps], numbers_from=1)
        title = tag("p", tag("b", self.name), f": {self._counts()}, run {self.manifest.run_id}")
        picture = Html(distributions_svg(self.layout.database, self.plan)) if self.plan.filters else Html("")
        return tag("div", joined([title, funnel, picture]))

    def _is_whole(self) -> bool:
        """Return whether the database is that of the manifest; a damaged one says so when it is read."""
        try:
            return is_of_run(self._connection, self.manifest.run_id)
        except (DamagedError, duckdb.Error):
            return True

    def _counts(self) -> str:
        return f"{self.manifest.samples_out:,} of {self.manifest.samples_in:,} samples kept"

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        return open_database(self.layout.database)


def open_run(name: str | Path) -> FinishedRun:
    """Open the newest finished run of a subset of the gallery, or of an output folder or its URL.

    Parameters
    ----------
    name
        The name of a subset, such as `c4` or `redpajama/c4`, or the folder that `run_recipe` wrote.

    Raises
    ------
    UserError
        If there is no such subset or folder, or it holds no finished run.

    Examples
    --------
    >>> from pathlib import Path
    >>> import dj_assets
    >>> size = Path("in.jsonl").write_text('{"text": "One text."}')
    >>> result = dj_assets.run_recipe({"process": ["document_deduplicator"]}, ["in.jsonl"], "out", workers=1)
    >>> with dj_assets.open("out") as run:
    ...     run.funnel.select("operator, samples_in, samples_out").fetchall()
    [('document_deduplicator', 1, 1)]
    """
    return FinishedRun.open(str(name))


def _row(step: FunnelStep, samples_in: int) -> list[str]:
    """Return one row of the funnel; its bar is the share of all samples that are left."""
    share = f"{min(1.0, step.samples_out / samples_in if samples_in else 0.0):.1%}"
    kept = f"{step.created:,} created" if step.created else percent(step.samples_out, step.samples_in)
    operator = tag("span", step.operator, style=_BAR.format(share=share))
    return [operator, f"{step.samples_in:,}", f"{step.samples_out:,}", f"{step.dropped:,}", kept]
