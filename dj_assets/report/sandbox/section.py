"""Sections for an HTML report: what a sandbox found, and what the subset was worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

from dj_assets.evaluation.of_subset import Evaluations
from dj_assets.report.sandbox.benchmarks import benchmarks_svg
from dj_assets.report.sandbox.correlation_matrix import correlation_matrix_svg
from dj_assets.report.sandbox.heat_map import heat_map_svg
from dj_assets.report.sandbox.pyramid import pyramid_svg
from dj_assets.report.sandbox.scatter import scatter_svg
from dj_assets.report.sandbox.tables import score_rows
from dj_assets.sandbox.correlations import with_scores
from dj_assets.sandbox.discovery import Standings
from dj_assets.sandbox.experiment import COMBINED, PROBE, Round

# A picture is drawn with at most so many statistics.
Picture = Callable[[int], str]
MOST = 30


def sandbox_pictures(known: Standings, subset: str) -> dict[str, Picture]:
    """Return the pictures of a sandbox by name: heat map, scatter, correlations, pyramid; only what there is yet."""
    pictures: dict[str, Picture] = {}
    rounds = {one.name: one for one in known.rounds}
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


def score_correlations(known: Standings, one: Round) -> dict[str, float | None]:
    """Return how each probed statistic correlates, over the pools of a round, with their change."""
    changes = {score.pool: score.mean for score in known.scores[one.name] if score.mean is not None}
    probed = {third.statistic for entry in one.entries for third in entry.pool.thirds}
    means = {e.pool.name: {name: e.means.get(name) for name in sorted(probed)} for e in one.entries}
    return with_scores(means, changes)


def sandbox_section(known: Standings, subset: str) -> str:
    """Return the sandbox as a piece of HTML: pictures, rankings, and the log of what failed; empty without a round."""
    parts = [draw(MOST) for draw in sandbox_pictures(known, subset).values()]
    for one in known.rounds:
        parts += [
            f"<h3>{escape(one.name)}: {one.size:,} samples a pool</h3>",
            _table(score_rows(known.scores[one.name])),
        ]
    for pool, missing in known.missing.items():
        told = "\n\n".join(f"seed {seed}: {why}" for seed, why in missing.items())
        parts.append(f"<details><summary>{escape(pool)}: no result</summary><pre>{escape(told)}</pre></details>")
    return _section("sandbox", "Sandbox", parts)


def evaluation_section(known: Evaluations) -> str:
    """Return the benchmarks of a subset as a piece of HTML; empty where there is nothing to compare."""
    models = {record.model for record in known.records if record.pool is None}
    if known.baseline not in models:
        return ""
    compared = known.comparisons()
    return _section("evaluation", "Evaluation", [benchmarks_svg(compared, known.subset)] if compared else [])


def _section(name: str, heading: str, parts: Sequence[str]) -> str:
    return f'<section id="{name}"><h2>{heading}</h2>\n' + "\n".join(parts) + "\n</section>\n" if parts else ""


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in (rows[0] if rows else ()))
    lines = ("".join(f"<td>{escape(cell)}</td>" for cell in row.values()) for row in rows)
    return f"<table><tr>{head}</tr>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
