"""Commands for the whole project: a new one, the UI and the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dj_assets.cli.console import console, known_recipe, tell

app = typer.Typer()

_PANEL = "Start"


@app.command(rich_help_panel=_PANEL, epilog="Example: dj-assets init my-data")
def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="The folder; default: the current one.")] = Path(),
) -> None:
    """Write a project: recipes/, sources.yaml and the settings of Dagster. No existing file is changed."""
    from dj_assets.new_project import write_project

    made = write_project(folder.expanduser().absolute())
    names = ", ".join(made.written) or "nothing to write, it is a project already"
    console().print(f"{made.folder}: {names}", markup=False, highlight=False, soft_wrap=True)
    if made.written and made.kept:
        tell(f"not changed, because they exist: {', '.join(made.kept)}")


@app.command(rich_help_panel=_PANEL, epilog="Example: dj-assets dev --port 3001")
def dev(
    port: Annotated[int, typer.Option(help="The port of the UI.")] = 3000,
    host: Annotated[str, typer.Option(help="The address of the UI.")] = "127.0.0.1",
) -> None:
    """Start the UI for the browser: Dagster's web server and daemon, and the pages with sliders."""
    from dj_assets.assets.arrivals import prepare_instance
    from dj_assets.assets.dev import refuse_taken, start_dev

    refuse_taken(host, port)
    tell(*prepare_instance())
    raise typer.Exit(start_dev(port=port, host=host))


@app.command(rich_help_panel=_PANEL, epilog="Example: dj-assets demo c4 arxiv")
def demo(
    subsets: Annotated[
        list[str] | None, typer.Argument(metavar="[SUBSET]...", help="Subsets of the gallery; default: all of text.")
    ] = None,
    vision: Annotated[
        bool, typer.Option("--vision", help="Use the subsets with images and clips instead of those of text.")
    ] = False,
    synthesis: Annotated[
        bool,
        typer.Option("--synthesis", help="Use the subsets that models write and paint, with tiny random models."),
    ] = False,
    human: Annotated[
        bool, typer.Option("--human", help="Use the subsets about people in clips, with drawn clips and tiny models.")
    ] = False,
) -> None:
    """Refine every subset of the gallery, or some, on the included samples, and show the results."""
    from dj_assets.assets import demo_human, demo_synthesis
    from dj_assets.assets.demo import materialize_gallery
    from dj_assets.views.run_table import render_gallery

    if synthesis:
        tell(demo_synthesis.OVERRIDE.warning)
    if human:
        tell(demo_human.OVERRIDE.warning)
    chosen = [known_recipe(subset) for subset in subsets or ()]
    outcomes = materialize_gallery(vision=vision, synthesis=synthesis, human=human, only=chosen)
    console().print(render_gallery([outcome.row for outcome in outcomes if outcome.row]))
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        console(stderr=True).print(f"error: {outcome.name}: {outcome.error}", style="red", markup=False)
    if failed:
        raise typer.Exit(1)
