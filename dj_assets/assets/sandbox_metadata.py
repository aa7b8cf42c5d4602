"""The metadata of a sandbox's assets: counts, rankings, and pictures within the size limit of an event."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path

from dagster import MetadataValue, TableMetadataValue, TableRecord

from dj_assets.assets.labels import MAX_KEY, Metadata
from dj_assets.evaluation.of_subset import evaluations_of
from dj_assets.sandbox.discovery import Standings
from dj_assets.sandbox.evaluations import Evaluation
from dj_assets.sandbox.experiment import ExperimentEntry, Round
from dj_assets.sandbox.pools import Third
from dj_assets.views.markdown import embed_svg
from dj_assets.views.page.sandbox import Picture, sandbox_pictures
from dj_assets.views.sandbox.benchmarks import benchmarks_svg
from dj_assets.views.sandbox.tables import pool_rows, score_rows

MAX_ROWS = 50
# Four pictures and two tables stay below the 64 kB that an event may have.
PICTURE_BYTES = 11_000
_SIZES = (30, 24, 18, 15, 12, 10, 9, 8, 7, 6, 4, 2)


def round_made(made: Round) -> Metadata:
    """Return the pools of a round: their number, their sizes by rank and by value, and the names without a pool."""
    without = {"without": MetadataValue.json(dict(made.without))} if made.without else {}
    return {
        "dagster/row_count": len(made.entries),
        "pools": len(made.entries),
        "samples_a_pool": made.size,
        "sizes": _table(pool_rows(made)),
        **without,
    }


def evaluated(made: Evaluation) -> Metadata:
    """Return the numbers of one training."""
    numbers = {name[:MAX_KEY]: value for name, value in made.metrics.items()}
    return {**numbers, "seconds": made.seconds, "finished_before": made.reused, "pool": made.pool, "seed": made.seed}


def ranked(known: Standings, subset: str, page: Path) -> Metadata:
    """Return the ranking of every round with its pictures, and the missing results."""
    tables = {f"ranking_{round_.name}": _table(score_rows(known.scores[round_.name])) for round_ in known.rounds}
    missing = sum(len(seeds) for seeds in known.missing.values())
    return {
        "missing": missing,
        "report": MetadataValue.path(page),
        **_pictures(sandbox_pictures(known, subset)),
        **tables,
    }


def chosen(thirds: Iterable[Third]) -> Metadata:
    """Return the thirds that are combined."""
    return {"combined": ", ".join(third.name for third in thirds)}


def recipe_found(
    known: Standings, subset: str, best: ExperimentEntry | None = None, path: Path | None = None
) -> Metadata:
    """Return the pyramid and, where there is one, the best pool with both its counts and its recipe."""
    pictures = {name: draw for name, draw in sandbox_pictures(known, subset).items() if name == "pyramid"}
    metadata: Metadata = {}
    if best is not None and path is not None:
        metadata = {
            "pool": best.pool.name,
            "samples_by_rank": best.rank_count,
            "samples_by_value": best.value_count,
            "dagster/uri": str(path),
            "recipe": MetadataValue.md(f"```yaml\n{path.read_text('utf-8').rstrip()}\n```"),
        }
    return {**metadata, **_pictures(pictures)}


def benchmarks(subset: str) -> Metadata:
    """Return the benchmark table of a subset; empty where there is no comparison."""
    known = evaluations_of(subset)
    if known.baseline is None or known.baseline not in {record.model for record in known.records}:
        return {}
    compared = known.comparisons()
    return {"benchmarks": MetadataValue.md(embed_svg(benchmarks_svg(compared, subset), title="benchmarks"))}


def _pictures(pictures: Mapping[str, Picture]) -> Metadata:
    return {name: MetadataValue.md(_fitting(name, draw)) for name, draw in pictures.items()}


def _fitting(name: str, draw: Picture) -> str:
    """Return a picture with as many statistics as the size limit allows."""
    for most in _SIZES:
        svg = draw(most)
        if len(base64.b64encode(svg.encode())) < PICTURE_BYTES:
            break
    return embed_svg(svg, PICTURE_BYTES + 200, title=name.replace("_", " "))


def _table(rows: list[dict[str, str]]) -> TableMetadataValue:
    # the page would wrap cells at their spaces
    unbroken = [{name: cell.replace(" ", "\u00a0") for name, cell in row.items()} for row in rows[:MAX_ROWS]]
    return MetadataValue.table([TableRecord(row) for row in unbroken])
