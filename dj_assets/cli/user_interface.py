"""Commands for the whole gallery: the UI and the demo."""

from __future__ import annotations

from typing import Annotated

import typer

from dj_assets.cli.console import console, tell

app = typer.Typer()

_PANEL = "Start"


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


@app.command(rich_help_panel=_PANEL, epilog="Example: dj-assets demo")
def demo(
    vision: Annotated[
        bool, typer.Option("--vision", help="Use the subsets with images and clips instead of those of text.")
    ] = False,
) -> None:
    """Refine every subset of the gallery on the included samples, and show the results."""
    from dj_assets.assets.demo import materialize_gallery
    from dj_assets.views.run_table import render_gallery

    outcomes = materialize_gallery(vision=vision)
    console().print(render_gallery([outcome.row for outcome in outcomes if outcome.row]))
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        console(stderr=True).print(f"error: {outcome.name}: {outcome.error}", style="red", markup=False)
    if failed:
        raise typer.Exit(1)
