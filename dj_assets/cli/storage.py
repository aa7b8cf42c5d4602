"""Commands over what lies on the disk: export it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dj_assets.cli.console import console, finished
from dj_assets.errors import UserError

app = typer.Typer()


@app.command()
def export(
    subset: Annotated[str, typer.Argument(help="A subset of the gallery, or the output folder of a run.")],
    output: Annotated[Path, typer.Option("--output", help="The folder for the parts.")],
    format: Annotated[
        Literal["jsonl", "jsonl.zst", "parquet", "webdataset"], typer.Option(help="Format of the parts.")
    ] = "parquet",
    shard_size: Annotated[str, typer.Option("--shard-size", help="A part is closed once it is so large.")] = "256MB",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Take a folder that holds another export.")] = False,
) -> None:
    """Write a refined subset in parts of about equal size, with checksums; one that was cut off goes on."""
    from dj_assets.recipe.sizes import parse_bytes
    from dj_assets.storage.export.export import Export

    layout, _ = finished(subset)
    try:
        size = parse_bytes(shard_size)
    except ValueError as error:
        raise UserError(f"--shard-size: {error}") from error
    done = Export(layout, output.resolve(), format, size).run(overwrite=overwrite)
    there = len(done.parts) - done.written
    console().print(
        f"{done.folder}: {done.samples:,} samples in {len(done.parts)} parts, {done.bytes / 1e6:,.1f} MB"
        + (f" ({there} were there already)" if there else ""),
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
