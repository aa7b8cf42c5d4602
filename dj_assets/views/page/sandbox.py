"""The results of a sandbox as a page, and the evaluation of a subset as a section of a run's report."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

from dj_assets.evaluation.of_subset import evaluations_of
from dj_assets.home.writing import replace_atomically
from dj_assets.recipe.model import GalleryRecipe
from dj_assets.sandbox.correlations import with_scores
from dj_assets.sandbox.discovery import Standings
from dj_assets.sandbox.experiment import COMBINED, PROBE, Round, Sandbox
from dj_assets.views.page.html import Html, table, tag
from dj_assets.views.page.report_input import ReportInput, Section
from dj_assets.views.page.whole import whole_page
from dj_assets.views.sandbox.benchmarks import benchmarks_svg
from dj_assets.views.sandbox.correlation_matrix import correlation_matrix_svg
from dj_assets.views.sandbox.heat_map import heat_map_svg
from dj_assets.views.sandbox.pyramid import pyramid_svg
from dj_assets.views.sandbox.scatter import scatter_svg
from dj_assets.views.sandbox.tables import score_rows

# The largest number of statistics in a picture.
Picture = Callable[[int], str]
MOST = 30


def sandbox_pictures(known: Standings, subset: str) -> dict[str, Picture]:
    """Return the pictures of a sandbox by name: heat map, scatter, correlations, pyramid; those with results so far."""
    pictures: dict[str, Picture] = {}
    rounds = {round_.name: round_ for round_ in known.rounds}
    if PROBE in rounds:
        probe, scores = rounds[PROBE], known.scores[PROBE]
        related = score_correlations(known, probe)
        statistics = list(dict.fromkeys(e.pool.thirds[0].statistic for e in probe.entries if e.pool.thirds))
        pictures["heat_map"] = lambda most: heat_map_svg(probe, scores, subset, most)
        pictures["scatter"] = lambda most: scatter_svg(probe, scores, related, subset, most)
        pictures["correlations"] = lambda most: correlation_matrix_svg(
            known.correlations, related, statistics, subset, most
        )
    if COMBINED in rounds:
        pictures["pyramid"] = lambda _: pyramid_svg(rounds[COMBINED], known.scores[COMBINED], subset)
    return pictures


def score_correlations(known: Standings, round_: Round) -> dict[str, float | None]:
    """Return the correlation of each probed statistic with the change of the score, over the pools of a round."""
    changes = {score.pool: score.mean for score in known.scores[round_.name] if score.mean is not None}
    probed = {third.statistic for entry in round_.entries for third in entry.pool.thirds}
    means = {e.pool.name: {name: e.means.get(name) for name in sorted(probed)} for e in round_.entries}
    return with_scores(means, changes)


def sandbox_page(known: Standings, subset: str) -> str:
    """Return the results of a sandbox as one HTML page: pictures, rankings, and the log of failed runs."""
    parts = [_picture(name, draw(MOST)) for name, draw in sandbox_pictures(known, subset).items()]
    for round_ in known.rounds:
        rows = score_rows(known.scores[round_.name])
        head = list(rows[0]) if rows else []
        parts.append(tag("h2", f"{round_.name}: {round_.size:,} samples per pool, against {round_.baseline}"))
        parts.append(table(head, [list(row.values()) for row in rows], numbers_from=1))
    for pool, missing in known.missing.items():
        reasons = "\n\n".join(f"seed {seed}: {why}" for seed, why in missing.items())
        parts.append(tag("details", tag("summary", f"{pool}: no result of {len(missing)} runs"), tag("pre", reasons)))
    return whole_page(f"{subset}: sandbox", tag("header", tag("h1", f"Sandbox of {subset}")), tag("main", *parts))


def write_sandbox_page(sandbox: Sandbox, known: Standings) -> Path:
    """Write the page into the folder of the sandbox's files, and return its path."""
    target = sandbox.folder / "report.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    with replace_atomically(target) as temporary:
        temporary.write_text(sandbox_page(known, sandbox.subset), "utf-8")
    return target


def evaluation(report_input: ReportInput) -> Section:
    """Return the section of a run's report with the benchmark results that were entered so far."""
    recipe = report_input.recipe
    known = evaluations_of(recipe.asset.subset) if isinstance(recipe, GalleryRecipe) else None
    models = {record.model for record in known.records if record.pool is None} if known else set()
    if known is None or known.baseline not in models:
        hint = "No benchmark results were entered; use dj-assets eval add to enter them."
        return Section("evaluation", "Evaluation", hint, "")
    drawn = _picture("benchmarks", benchmarks_svg(known.comparisons(), known.subset))
    return Section(
        "evaluation", "Evaluation", f"Against {known.baseline}, with the results known when it was written.", drawn
    )


def _picture(name: str, svg: str) -> Html:
    """Return a picture as an image, so that its style sheet applies to the picture only."""
    content = base64.b64encode(svg.encode()).decode()
    return tag("p", tag("img", src=f"data:image/svg+xml;base64,{content}", alt=name.replace("_", " ")))
