"""The command that learns a classifier from the scores of a language model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dj_assets.cli.console import Finished, console, finished, names_damage, tell

app = typer.Typer()


@app.command(rich_help_panel="Inspect a finished run", epilog="Example: dj-assets distill out --output quality.bin")
@names_damage
def distill(
    subset: Finished,
    operator: Annotated[
        str | None, typer.Option(help="The filter whose scores are learned, where a recipe has several.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="The model file; default: SUBSET.OPERATOR.bin in this folder.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The seed that divides samples into taught and tested ones.")] = 0,
    most: Annotated[int, typer.Option(min=60, help="The most samples to learn from and to test with.")] = 20_000,
) -> None:
    """Learn a fast classifier from the scores of a language model, and show its error on other samples."""
    from dj_assets.analysis.distill import distill
    from dj_assets.analysis.scored_texts import scored_texts
    from dj_assets.views.distilled import render_distilled

    scored = scored_texts(*finished(subset), operator, most)
    path = output or Path(f"{Path(scored.subset).name}.{scored.operator}.bin")
    console().print(render_distilled(distill(scored, path, seed=seed)), soft_wrap=True)
    tell(*scored.notices)
