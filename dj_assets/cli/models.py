"""Commands for models and word lists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dj_assets.cli.console import ModelsFolder, console

app = typer.Typer(help="Models and word lists: list, download and verify them.", no_args_is_help=True)


@app.command("list", epilog="Example: dj-assets models list")
def models_list(models: ModelsFolder = None) -> None:
    """Show every model of the gallery and whether it is on this machine."""
    from dj_assets.models.pull import listing
    from dj_assets.models.store import ModelStore
    from dj_assets.views.terminal import render_rows

    console().print(render_rows(listing(ModelStore.with_folder(models))))


@app.command("pull", epilog="Example: dj-assets models pull en.sp.model en.arpa.bin")
def models_pull(
    names: Annotated[list[str], typer.Argument(help="Names from 'models list'.")],
    into: Annotated[Path | None, typer.Option("--into", help="The target folder; default: <DJ_HOME>/models.")] = None,
) -> None:
    """Download models, check their checksums and store them."""
    from dj_assets import settings
    from dj_assets.models.pull import pull

    for name in names:
        path = pull(name, into or settings.pulled_models())
        console().print(f"{name}: {path}", markup=False, highlight=False, soft_wrap=True)


@app.command("verify", epilog="Example: dj-assets models verify")
def models_verify(models: ModelsFolder = None) -> None:
    """Compare the checksums of all models on this machine; exit 1 if one differs."""
    from dj_assets.models.pull import verify
    from dj_assets.models.store import ModelStore
    from dj_assets.views.terminal import render_rows

    rows = verify(ModelStore.with_folder(models))
    console().print(render_rows(rows))
    if any(row.differs for row in rows):
        raise typer.Exit(1)
