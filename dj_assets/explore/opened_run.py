"""One finished run that is looked at: the answers to the questions of its page."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from dj_assets import settings
from dj_assets.analysis.columns import StatColumn
from dj_assets.analysis.examples import excerpts
from dj_assets.analysis.run_diff import Run
from dj_assets.errors import DjError, UserError
from dj_assets.explore import charts
from dj_assets.explore.axes import axis, tally
from dj_assets.explore.earlier_run import KEPT, changed, outcomes_before
from dj_assets.explore.embedding_map import column_of_map, embedding_map
from dj_assets.explore.groupings import Groupings, PendingError
from dj_assets.explore.label_scores import proposals, scores
from dj_assets.explore.labels import Labels
from dj_assets.explore.one_sample import SamplePages, measured_values, plain
from dj_assets.explore.query import Query, Sources, chosen, window
from dj_assets.explore.samples import Mask, Samples
from dj_assets.explore.scans import Scan, Scans
from dj_assets.explore.thresholds import ALONE, Thresholds, recipe_now, require_own
from dj_assets.home.identity import part_of
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run, run_ids, run_named
from dj_assets.home.numbering import are_aggregates
from dj_assets.home.run_manifest import RunManifest
from dj_assets.loopback import Reply
from dj_assets.publish.database import open_database
from dj_assets.publish.outcomes import record_file
from dj_assets.recipe.plan import make_plan
from dj_assets.subset.finished import plan_of_run
from dj_assets.what_if.bounds import movables
from dj_assets.what_if.session import Session

Answer = dict[str, object]

_MOST_ROWS = 200
_EXCERPT = 240
_MOST_REASONS, _MOST_FILES = 300, 500


class OpenedRun:
    """The newest finished run of a subset or an output folder. Several threads may ask at the same time.

    It stays readable when another run is published meanwhile; `is_current` is then false.
    """

    def __init__(self, name: str, layout: Layout, manifest: RunManifest) -> None:
        """Open the run.

        Raises
        ------
        UserError
            If it has no record of the outcomes of its samples.
        """
        self.name, self.layout, self.manifest = name, layout, manifest
        self.plan = plan_of_run(manifest)
        record = Run(layout, manifest).record
        self._connection = open_database(layout.database, settings.default_workers())
        self.samples = Samples(self._connection, record, self.plan)
        self.scans = Scans(self.samples, layout)
        self.groupings = Groupings(self.samples, layout, manifest, self.scans)
        self.labels = Labels(layout.published, self.samples, manifest)
        self.pages = SamplePages(self.plan, layout, manifest, self.samples)
        self._sources = Sources(
            text=lambda needle: self.scans.text(needle).marks.copy(),
            label=self.labels.with_label,
            run=lambda run, change: changed(self.samples, self._before(run), change),
            moved=lambda *asked: self.thresholds.changed(*asked),  # noqa: PLW0108 - opened when first asked for
            names=self.groupings.of,
            created=self._created,
        )
        self._thresholds: Thresholds | None = None
        self._opening = threading.Lock()
        self._closing = threading.Event()
        self._warming = threading.Thread(target=self._warm, daemon=True)
        self._warming.start()

    def close(self) -> None:
        """End all passes and close the database."""
        self._closing.set()
        self.scans.cancel()
        # a connection that another thread uses cannot be closed
        self._warming.join()
        if self._thresholds is not None:
            self._thresholds.session.close()
        self._connection.close()

    def _warm(self) -> None:
        """Read the statistics, and judge all samples by the thresholds: the first click on them need not wait."""
        for column in self.samples.columns.values():
            if self._closing.is_set() or not self.samples.has_room():
                return
            if column.is_numeric:
                axis(self.samples, column)
        # the answer to the first question has come by now: reading recipes would slow it down
        self.pages.prepare()
        if self.plan.filters and not self._closing.is_set():
            # the recipe may have other steps by now: the view of thresholds says so
            with suppress(DjError):
                self.thresholds.gained_and_lost({})

    def is_current(self) -> bool:
        """Return whether the run is still the newest one."""
        newest = newest_run(self.layout)
        return newest is not None and newest.run_id == self.manifest.run_id

    def answer(self, question: str, asked: Mapping[str, Any]) -> Answer:
        """Answer one question of the page.

        Raises
        ------
        UserError
            If there is no such question, or it cannot be answered for this run.
        """
        answers: dict[str, Callable[[Mapping[str, Any]], Answer]] = {
            "about": lambda _: self.about(),
            "recipe": lambda _: self.recipe(),
            "page": self.page,
            "texts": self.texts,
            "search": self.search,
            "progress": self.progress,
            "cancel": self.cancel,
            "histogram": self.histogram,
            "scatter": self.scatter,
            "groups": self.groups,
            "cross": self.cross,
            "map": self.map,
            "sample": self.sample,
            "people": lambda asked: self.pages.people_of(*self._named(asked["position"])),
            "trace": lambda asked: self.pages.trace(*self._named(asked["position"])),
            "moved": self.moved,
            "preview": lambda asked: self.thresholds.session.preview(_changes(asked)),
            "write": self.write,
            "label": self.label,
            "scores": lambda _: self.scores(),
        }
        if question not in answers:
            raise UserError(f"no such question: {question}")
        try:
            return answers[question](asked)
        except PendingError as pending:
            return {"pending": _progress(pending.scan)}

    def get(self, path: str, query: Mapping[str, str]) -> Reply | None:
        """Return a file of the page: a medium of a sample, the heat map of a pair of images, or the exported labels."""
        if path == "labels.jsonl":
            attached = {"Content-Disposition": 'attachment; filename="labels.jsonl"'}
            return Reply(self.labels.exported().encode(), "application/x-ndjson", headers=attached)
        if path == "media":
            at = self._position(int(query["position"]))
            shard, row = int(self.samples.shard[at]), int(self.samples.row[at])
            return self.pages.media.reply(shard, row, query["kind"], int(query["number"]))
        if path == "heat":
            return self.pages.heat(self._position(int(query["position"])))
        return None

    def about(self) -> Answer:
        """Return what the page offers: outcomes, statistics, files, fields, runs, thresholds and labels."""
        everything = np.ones(len(self.samples), bool)
        counts = tally(self.samples.code, len(self.samples.outcomes), everything).tolist()
        outcomes = [
            {**asdict(outcome), "count": count}
            for outcome, count in zip(self.samples.outcomes, counts, strict=True)
            if count
        ]
        kinds: Counter[str] = Counter()
        for outcome in outcomes:
            kinds[str(outcome["kind"])] += int(outcome["count"])
        files = [self.manifest.file(number) for number in self.samples.files()[:_MOST_FILES]]
        return {
            "name": self.manifest.name,
            "run": self.manifest.run_id,
            "finished": self.manifest.finished,
            "samples": len(self.samples),
            "kinds": dict(kinds),
            "created": self.manifest.created,
            "outcomes": outcomes[:_MOST_REASONS],
            "statistics": [self._statistic(column) for column in self.samples.columns.values()],
            "files": [{"number": file.number, "name": file.name} for file in files],
            "groupings": self.groupings.names(),
            "runs": self._earlier_runs(),
            "labels": self.labels.counts(),
            "map": column_of_map(self.samples) is not None,
        }

    def page(self, asked: Mapping[str, Any]) -> Answer:
        """Return some rows of the table: positions, ids, outcomes, labels and statistics."""
        query = Query.of(asked["query"])
        marks, total, kept = self._chosen(query)
        size = min(_MOST_ROWS, int(asked.get("size", 50)))
        start = max(0, int(asked.get("start", 0)))
        positions = window(self.samples, query, marks, (start, start + size), total).tolist()
        with self.samples.cursor() as cursor:
            measured = measured_values(self.samples, cursor, positions)
        rows = []
        for at, label in zip(positions, self.labels.of(positions), strict=True):
            values = dict(measured.get(at, {}))
            outcome = self.samples.outcomes[self.samples.code[at]]
            name = str(values.pop("id", ""))
            rows.append({"position": at, "id": name, **asdict(outcome), "label": label, "values": plain(values)})
        return {"total": total, "kept": kept, "rows": rows, "search": self._search_progress(query)}

    def texts(self, asked: Mapping[str, Any]) -> Answer:
        """Return the beginnings of the cleaned texts of some samples, by position."""
        positions = [self._position(at) for at in asked["positions"][:_MOST_ROWS]]
        keys = {(int(self.samples.shard[at]), int(self.samples.row[at])): at for at in positions}
        texts = excerpts(self.layout, keys, _EXCERPT)
        return {"texts": {str(keys[key]): text for key, text in texts.items()}}

    def search(self, asked: Mapping[str, Any]) -> Answer:
        """Begin the search of a query, again if it was stopped."""
        return {"search": _progress(self.scans.text_again(Query.of(asked["query"]).text))}

    def progress(self, asked: Mapping[str, Any]) -> Answer:
        """Return how far the search of a query is."""
        return {"search": self._search_progress(Query.of(asked["query"]))}

    def cancel(self, asked: Mapping[str, Any]) -> Answer:
        """End the search of a query; what it found so far stays."""
        scan = self.scans.text(Query.of(asked["query"]).text)
        scan.cancel()
        scan.wait(1.0)
        return {"search": _progress(scan)}

    def histogram(self, asked: Mapping[str, Any]) -> Answer:
        """Return the histogram of a statistic over the samples of a query, with those of an earlier run."""
        marks, *_ = self._chosen(Query.of(asked["query"]))
        before = self._before(asked["run"]) == KEPT if asked.get("run") else None
        return charts.histogram(self.samples, self._numeric(asked["statistic"]), marks, before)

    def scatter(self, asked: Mapping[str, Any]) -> Answer:
        """Return the samples of a query in a grid over two statistics."""
        marks, *_ = self._chosen(Query.of(asked["query"]))
        return charts.scatter(self.samples, (self._numeric(asked["x"]), self._numeric(asked["y"])), marks)

    def groups(self, asked: Mapping[str, Any]) -> Answer:
        """Return the samples of a query by a grouping, with percentiles of a statistic."""
        marks, *_ = self._chosen(Query.of(asked["query"]))
        column = self._numeric(asked["statistic"]) if asked.get("statistic") else None
        return charts.groups(self.samples, self.groupings.of(asked["by"]), column, marks)

    def cross(self, asked: Mapping[str, Any]) -> Answer:
        """Return the samples of a query by two groupings."""
        marks, *_ = self._chosen(Query.of(asked["query"]))
        return charts.crossed(
            self.samples, self.groupings.of(asked["rows"]), self.groupings.of(asked["columns"]), marks
        )

    def map(self, asked: Mapping[str, Any]) -> Answer:
        """Return the samples of a query on the map of their embeddings, with their groups."""
        marks, *_ = self._chosen(Query.of(asked["query"]))
        return embedding_map(self.samples, self.layout, self.groupings.of(asked["by"]), marks)

    def sample(self, asked: Mapping[str, Any]) -> Answer:
        """Return everything that is stored about one sample."""
        at = self._position(asked["position"])
        values = self._values(at)
        name = str(values.pop("id", ""))
        return {**self.pages.sample(at, name, plain(values)), "label": self.labels.of([at])[0]}

    def moved(self, asked: Mapping[str, Any]) -> Answer:
        """Return how many samples moved thresholds gain and lose."""
        changes = _changes(asked)
        gained, lost = map(np.count_nonzero, self.thresholds.gained_and_lost(changes))
        return {"gained": int(gained), "lost": int(lost), "how": ALONE}

    def write(self, asked: Mapping[str, Any]) -> Answer:
        """Write moved thresholds into the recipe.

        Raises
        ------
        UserError
            If the recipe is not the user's, or cannot be edited in place.
        """
        require_own(Path(self.thresholds.session.recipe.file))
        return self.thresholds.session.write(_changes(asked))

    def label(self, asked: Mapping[str, Any]) -> Answer:
        """Give a sample a label, or take it back."""
        self.labels.give(*self._named(asked["position"]), str(asked["label"]))
        return dict(self.labels.counts())

    def scores(self) -> Answer:
        """Return every filter compared with the labels, and the thresholds that the labels propose."""
        labelled, plan = self.labels.labelled(), make_plan(self.thresholds.session.recipe)
        return {
            **self.labels.counts(),
            "filters": scores(self.thresholds, plan, labelled) if labelled else [],
            "proposals": [asdict(proposal) for proposal in proposals(self.samples, plan, labelled)] if labelled else [],
        }

    @property
    def thresholds(self) -> Thresholds:
        """Return the filters of the recipe as its file has it now.

        Raises
        ------
        UserError
            If the run measured something else.
        """
        with self._opening:
            if self._thresholds is None:
                recipe = recipe_now(self.manifest, self.plan.recipe)
                session = Session(recipe, self.layout.published, settings.default_workers())
                self._thresholds = Thresholds(self.samples, session)
            return self._thresholds

    def _renew_thresholds(self) -> None:
        """Open the filters again at their next use if their file was changed; who uses them now keeps them."""
        with self._opening:
            opened = self._thresholds
            if opened is not None and recipe_now(self.manifest, self.plan.recipe) != opened.session.recipe:
                self._thresholds = None

    def _chosen(self, query: Query) -> tuple[Mask, int, int]:
        """Return the samples of a query, how many they are, and how many of them are kept."""
        scan = self.scans.text(query.text) if query.text else None
        # of a search under way, the next question gets more
        read = scan.done if scan else 0
        key = ("marks", query.filters_key(), read, self.labels.version if query.labels else 0)

        def make() -> tuple[Mask, int, int]:
            marks = chosen(self.samples, query, self._sources)
            return marks, int(np.count_nonzero(marks)), int(np.count_nonzero(marks & self.samples.kept))

        found: tuple[Mask, int, int] = make() if scan and not scan.finished else self.samples.cached(key, make)
        return found

    def _search_progress(self, query: Query) -> Answer | None:
        return _progress(self.scans.text(query.text)) if query.text else None

    def _position(self, asked: object) -> int:
        at = int(asked) if isinstance(asked, int | str) else -1
        if not 0 <= at < len(self.samples):
            raise UserError(f"there is no sample {asked}")
        return at

    def _named(self, asked: object) -> tuple[int, str]:
        at = self._position(asked)
        return at, str(self._values(at).get("id", ""))

    def _values(self, at: int) -> dict[str, Any]:
        with self.samples.cursor() as cursor:
            return measured_values(self.samples, cursor, [at]).get(at, {})

    def _numeric(self, name: str) -> StatColumn:
        column = self.samples.columns.get(name)
        if column is None or not column.is_numeric:
            raise UserError(f"the run has no numeric statistic {name!r}")
        return column

    def _created(self) -> Mask:
        made: Mask = part_of(self.samples.row) != 0
        for number in self.samples.files():
            if are_aggregates(number):
                made[self.samples.of_file(number)] = True
        return made

    def _before(self, run: str) -> Any:  # noqa: ANN401 - an array
        manifest = run_named(self.layout, run)
        if manifest is None:
            raise UserError(f"{run}: the subset has no such run")
        now, before = Run(self.layout, self.manifest), Run(self.layout, manifest)
        return self.samples.cached(("run", run), lambda: outcomes_before(self.samples, now, before))

    def _earlier_runs(self) -> list[str]:
        known = [run for run in run_ids(self.layout) if run != self.manifest.run_id]
        return [run for run in reversed(known) if record_file(self.layout, run).exists()]

    def _statistic(self, column: StatColumn) -> Answer:
        bounds = column.bounds
        return {
            "name": column.name,
            "operator": column.operator,
            "unit": column.statistic.unit,
            "numeric": column.is_numeric,
            "low": bounds.low if bounds else None,
            "high": bounds.high if bounds else None,
            "reversed": bool(bounds and bounds.reversed),
        }

    def recipe(self) -> Answer:
        """Return the bounds that can be moved; where the recipe cannot be tried out, the reason."""
        try:
            self._renew_thresholds()
            session = self.thresholds.session
        except UserError as error:
            return {"file": "", "bounds": [], "why_not": str(error)}
        bounds = [
            {
                "index": movable.step.index,
                "operator": movable.step.label,
                "statistic": movable.statistic,
                "fixed": movable.fixed,
                **asdict(bound),
            }
            for movable in movables(make_plan(session.recipe))
            for bound in movable.bounds
        ]
        return {"file": session.recipe.file, "bounds": bounds, "why_not": ""}


def _progress(scan: Scan) -> Answer:
    return {
        "done": scan.done,
        "total": scan.total,
        "found": scan.found,
        "finished": scan.finished,
        "complete": scan.complete,
        "error": scan.error,
    }


def _changes(asked: Mapping[str, Any]) -> dict[int, dict[str, int | float]]:
    return {int(index): dict(values) for index, values in asked.get("changes", {}).items()}
