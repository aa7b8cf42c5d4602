"""Commands for the files of subsets: export, fetch, rebuild, verify and prune them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dj_assets.cli.console import Finished, console, finished, names_damage, several, tell
from dj_assets.errors import UserError
from dj_assets.recipe.export_formats import ExportFormat

if TYPE_CHECKING:
    from dj_assets.publish.export.export import Exported

app = typer.Typer()

_PANEL = "Files"
# Names of files in one line.
_SHOWN = 10


@app.command(rich_help_panel=_PANEL, epilog="Example: dj-assets export c4 --output c4-jsonl --format jsonl.zst")
@names_damage
def export(
    subset: Finished,
    output: Annotated[
        str, typer.Option("--output", help="The folder for the parts, also s3://… or hf://datasets/OWNER/NAME.")
    ],
    format: Annotated[ExportFormat, typer.Option(help="Format of the parts.")] = "parquet",
    shard_size: Annotated[str, typer.Option("--shard-size", help="The size at which a part is closed.")] = "256MB",
    tokenizer: Annotated[
        Path | None,
        typer.Option(
            help="For megatron, mds and litdata: a tokenizer.json, a SentencePiece model, or a folder with one."
        ),
    ] = None,
    end_of_document: Annotated[
        str, typer.Option(help="The token behind each document; by default the one that the tokenizer names so.")
    ] = "",
    sequence_length: Annotated[
        int, typer.Option(min=0, help="For mds and litdata: tokens of a sample; 0: a document is a sample.")
    ] = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write into a folder that holds another export.")
    ] = False,
    public: Annotated[
        bool, typer.Option("--public", help="For hf://: let everybody see the dataset; by default it is private.")
    ] = False,
) -> None:
    """Write a refined subset in parts with checksums; an interrupted export is continued."""
    from dj_assets.publish.export.export import Export
    from dj_assets.publish.export.pushing import checked_target, push_export
    from dj_assets.publish.export.table_versions import VERSION_FORMATS, TableExport
    from dj_assets.publish.export.tokens import TokenSettings
    from dj_assets.recipe.sizes import parse_bytes
    from dj_assets.urls import is_url, location_of

    layout, _ = finished(subset)
    checked_target(output, format)
    try:
        size = parse_bytes(shard_size)
    except ValueError as error:
        raise UserError(f"--shard-size: {error}") from error
    if format in VERSION_FORMATS:
        version = TableExport(layout, location_of(output).resolve(), format, size).run(overwrite=overwrite)
        _say(f"{version.folder}: version {version.version}, {version.samples:,} samples")
        return
    tokens = TokenSettings(tokenizer, end_of_document, sequence_length) if tokenizer else None
    done = Export(layout, location_of(output).resolve(), format, size, tokens).run(overwrite=overwrite)
    if is_url(output):
        push_export(done, output, format, public=public)
    there = len(done.parts) - done.written
    target = output if is_url(output) else done.folder
    _say(
        f"{target}: {done.samples:,} samples{_tokens(done)} in {several(len(done.parts), 'part')}, "
        f"{done.bytes / 1e6:,.1f} MB" + (f" ({several(there, 'part')} already there)" if there else "")
    )


def _say(message: str) -> None:
    console().print(message, markup=False, highlight=False, soft_wrap=True)


def _tokens(done: Exported) -> str:
    """Return the number of tokens in words; empty for a format without."""
    tokens, left_out = done.count("tokens"), done.count("tokens_left_out")
    without = f" ({left_out:,} behind the last full samples are left out)" if left_out else ""
    return f", {tokens:,} tokens{without}" if tokens else ""


@app.command(rich_help_panel=_PANEL, epilog="Example: dj-assets fetch c4 --output c4-refined")
@names_damage
def fetch(
    subset: Finished,
    output: Annotated[Path, typer.Option("--output", help="The folder for the files.")],
) -> None:
    """Download the files that the newest run published in an object store."""
    from dj_assets.publish.fetching import fetch

    layout, manifest = finished(subset)
    done = fetch(layout, manifest.run_id, output.resolve())
    message = f"{output.resolve()}: run {manifest.run_id}, {several(done.files, 'file')}, {done.bytes / 1e6:,.1f} MB"
    console().print(message, markup=False, highlight=False, soft_wrap=True)


@app.command(rich_help_panel=_PANEL, epilog="Example: dj-assets rebuild c4")
@names_damage
def rebuild(
    subset: Finished,
) -> None:
    """Rebuild a lost or damaged stats.duckdb from Parquet; nothing is measured."""
    from dj_assets.subset.rebuilding import rebuild

    done = rebuild(*finished(subset))
    message = f"{done.database}: rebuilt for run {done.run_id}, {done.samples:,} samples, {done.seconds:.1f} s"
    console().print(message, markup=False, highlight=False, soft_wrap=True)


@app.command(rich_help_panel=_PANEL, epilog="Example: dj-assets verify c4")
def verify(
    subset: Finished,
    repair: Annotated[
        bool, typer.Option("--repair", help="Make tables, report, copies and the database again, without measuring.")
    ] = False,
) -> None:
    """Compare every file of the last run with its checksum; exit 1 if one is damaged.

    The next run measures or refines only the damaged files again. `--repair` makes all other files again.
    """
    from dj_assets.subset.repairing import Repaired
    from dj_assets.subset.repairing import repair as make_again
    from dj_assets.subset.verifying import verify
    from dj_assets.views.release import write_report

    layout, manifest = finished(subset)
    result = make_again(layout, manifest, write_report) if repair else Repaired((), verify(layout, manifest))
    done = result.verified
    for path in result.made:
        console().print(f"{path}: made again", markup=False, highlight=False, soft_wrap=True)
    for line in done.damaged:
        console(stderr=True).print(f"error: {line}", style="red", markup=False, highlight=False, soft_wrap=True)
    damage = f"{len(done.damaged)} damaged" if done.damaged else "all checksums match"
    message = f"{layout.location}: {several(done.files, 'file')}, {done.bytes / 1e6:,.1f} MB, {damage}"
    console().print(message, markup=False, highlight=False, soft_wrap=True)
    if done.unrecorded:
        names = ", ".join(str(path.relative_to(layout.published)) for path in done.unrecorded[:_SHOWN])
        more = ", …" if len(done.unrecorded) > _SHOWN else ""
        tell(f"{several(len(done.unrecorded), 'file')} without a recorded checksum were not compared: {names}{more}")
    if done.damaged:
        raise typer.Exit(1)


@app.command(rich_help_panel=_PANEL, epilog="Example: dj-assets prune c4 --delete")
def prune(
    subsets: Annotated[
        list[str] | None, typer.Argument(metavar="[SUBSET]...", help="Subsets of the data home; default: all.")
    ] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete the files after they were shown.")] = False,
    keep_runs: Annotated[int, typer.Option(min=1, help="Keep the records of this number of runs.")] = 100,
) -> None:
    """Show the disk usage of every subset, and the files that can be deleted."""
    from dj_assets.subset.pruning import housekeeping
    from dj_assets.views.housekeeping import render_housekeeping

    console().print(render_housekeeping(housekeeping(tuple(subsets or ()), keep_runs, delete=False)))
    if delete:
        gone = sum(subset.spare for subset in housekeeping(tuple(subsets or ()), keep_runs, delete=True))
        console().print(f"removed {gone / 1e6:,.1f} MB", highlight=False)
