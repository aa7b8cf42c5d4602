"""The public function that runs a recipe and writes the results with their report and card."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Unpack

import duckdb

from dj_assets import subset
from dj_assets.home.layout import Layout
from dj_assets.home.run_manifest import RunManifest
from dj_assets.recipe.model import Recipe
from dj_assets.recipe.plan import Plan
from dj_assets.replay.record import library_versions
from dj_assets.subset.results import RecipeOptions


def run_recipe(
    recipe: str | Path | Mapping[str, object] | Recipe,
    inputs: Sequence[str | Path],
    output: str | Path,
    **options: Unpack[RecipeOptions],
) -> subset.RunResult:
    r"""Run any recipe over any files; write the results into a folder, with a report and a dataset card.

    The result has the counts of the run, the paths of its files and its manifest.

    Parameters
    ----------
    recipe
        A YAML file, or a dict with the same keys. It needs no `asset:` block.
    inputs
        Files, folders or globs, relative to the current folder, or URLs.
    output
        A folder or URL that is new or empty, or that holds an earlier run of the same recipe and inputs.
    options
        The other parameters of `dj_assets.subset.run_recipe`: `against`, `models`, `overwrite`, `report`, `engine`,
        `workers`, `limit`, `format` and
        `against_text_key`.

    Raises
    ------
    UserError
        For a fault in the recipe, the inputs, the models or the output folder, before any data is read.

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> import dj_assets
    >>> texts = ["A text of more than twenty characters.", "Short.", "A text of more than twenty characters."]
    >>> size = Path("in.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in texts))
    >>> recipe = {"process": [{"text_length_filter": {"min_len": 20}}, "document_deduplicator"]}
    >>> result = dj_assets.run_recipe(recipe, ["in.jsonl"], "out", workers=1)
    >>> result.samples_in, result.samples_out, result.dropped, result.quarantined
    (3, 1, 2, 0)
    >>> [(step.operator, step.dropped) for step in result.funnel]
    [('text_length_filter', 1), ('document_deduplicator', 1)]
    """
    if options.setdefault("accompany", _accompany) is _accompany:
        # while the workers load and measure
        threading.Thread(target=_load_ahead, daemon=True).start()
    return subset.run_recipe(recipe, inputs, output, **options)


def _load_ahead() -> None:
    """Load what the end of a run needs; the first connection to DuckDB takes three times as long as the next."""
    importlib.import_module("dj_assets.views.release")
    library_versions()
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SELECT 1").fetchall()


def _accompany(folder: Path, manifest: RunManifest, plan: Plan, layout: Layout) -> None:
    from dj_assets.views.release import accompany

    accompany(folder, manifest, plan, layout)
