"""Commands that keep subsets up to date."""

from __future__ import annotations

from typing import Annotated

import typer

from dj_assets.cli.console import console

app = typer.Typer()

_PANEL = "Run"


@app.command(rich_help_panel=_PANEL, epilog="Example: dj-assets backfill c4 --failed")
def backfill(
    subset: Annotated[str, typer.Argument(metavar="SUBSET", help="A sharded subset of the gallery.")],
    shards: Annotated[
        list[str] | None, typer.Option("--shards", help="Measure only this shard; the option can be repeated.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Measure only shards whose last run failed.")] = False,
) -> None:
    """Bring a sharded subset up to date: measure and refine only missing or changed shards."""
    from dj_assets.assets.backfill import backfill as run

    def tell(sentence: str) -> None:
        console(stderr=True).print(sentence, markup=False, highlight=False, soft_wrap=True)

    done = run(subset, tuple(shards or ()), failed_only=failed, tell=tell)
    console().print(str(done), markup=False, highlight=False, soft_wrap=True)
    if done.problems:
        raise typer.Exit(1)
