"""The command for mixtures of refined subsets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dj_assets.cli.console import console, several, show_rows

if TYPE_CHECKING:
    from dj_assets.home.mixed_share import MixedShare
    from dj_assets.home.run_manifest import RunManifest

app = typer.Typer()


@app.command(rich_help_panel="Files", epilog="Example: dj-assets mix recipes/demo/demo_mix.mix.yaml")
def mix(
    file: Annotated[str, typer.Argument(metavar="FILE|NAME", help="A file NAME.mix.yaml, or a mix of the gallery.")],
    output: Annotated[
        Path | None, typer.Option("--output", help="A folder in place of the data home.", show_default=False)
    ] = None,
) -> None:
    """Mix refined subsets in exact shares; the result is a subset that all exports take."""
    from dj_assets.recipe.gallery import known_mix
    from dj_assets.subset.mixing.mixing import make_mix

    manifest, is_new = make_mix(known_mix(file), None if output is None else output.resolve())
    show_rows([_row(share, manifest) for share in manifest.mix])
    place = output.resolve() if output is not None else manifest.name
    message = f"{place}: run {manifest.run_id}, {several(manifest.samples_out, 'sample')}"
    note = "" if is_new else " (already there)"
    console().print(message + note, markup=False, highlight=False, soft_wrap=True)


def _row(share: MixedShare, manifest: RunManifest) -> dict[str, str]:
    row = {
        "subset": share.subset,
        "available": f"{share.available:,}",
        "in the mix": f"{share.samples:,}",
        "different": f"{share.distinct:,}",
        "epochs": f"{share.epochs:,}",
        "share": f"{share.samples / max(1, manifest.samples_out):.2%}",
    }
    return row if share.tokens is None else {**row, "tokens": f"{share.tokens:,}"}
