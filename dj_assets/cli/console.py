"""Shared parts of the commands: the terminal, a live line, notes, and common arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec

import typer

from dj_assets.errors import DamagedError, DjError, UserError

if TYPE_CHECKING:
    from rich.console import Console

    from dj_assets.home.layout import Layout
    from dj_assets.home.run_manifest import RunManifest
    from dj_assets.measure.progress import Progress as MeasureProgress
    from dj_assets.measure.progress import Report
    from dj_assets.recipe.model import GalleryRecipe

P = ParamSpec("P")

RecipePath = Annotated[
    Path,
    typer.Argument(
        metavar="RECIPE", help="A recipe file, also an unchanged one of Data-Juicer, or a subset of the gallery."
    ),
]
Finished = Annotated[
    str, typer.Argument(metavar="SUBSET|DIR", help="A subset of the gallery, or the output folder of a run.")
]
ModelsFolder = Annotated[
    Path | None, typer.Option("--models", help="A folder that is searched for models before all others.")
]


def finished(subset: str) -> tuple[Layout, RunManifest]:
    """Return the layout and the newest manifest of a subset or an output folder, see `finished_run`."""
    from dj_assets.subset.finished import finished_run

    return finished_run(subset)


def names_damage(command: Callable[P, None]) -> Callable[P, None]:
    """Let a command over a finished run name the damaged file if reading fails, instead of the library's error.

    An error that no damaged file explains passes as it is.
    """

    @wraps(command)
    def guarded(*arguments: P.args, **options: P.kwargs) -> None:
        """Run the command; raise `DamagedError` in place of an error that a damaged file explains."""
        try:
            command(*arguments, **options)
        except (DjError, typer.Exit, typer.Abort):
            raise
        except Exception as error:
            names = (options.get(option) for option in ("subset", "data", "recipe", "before", "now"))
            lines = [line for name in names if name for line in _damaged(str(name))]
            if not lines:
                raise
            raise DamagedError(lines[0]) from error

    return guarded


def _damaged(name: str) -> Sequence[str]:
    """Return a line for every damaged file of a finished run; none if there is no such run."""
    from dj_assets.subset.verifying import verify
    from dj_assets.urls import is_url

    subset = name if Path(name).is_dir() or is_url(name) else name.partition("@")[0]
    try:
        return verify(*finished(subset)).damaged
    except DamagedError as error:
        return [str(error)]
    except UserError:
        return ()


def named_run(name: str) -> tuple[Layout, RunManifest]:
    """Return the layout and the manifest of a run, named as `c4`, `c4@previous` or `c4@<begin or end of its id>`.

    Raises
    ------
    UserError
        If there is no such run; the message names the existing ones.
    """
    from dj_assets.home.manifest import run_ids, run_named
    from dj_assets.urls import is_url

    whole = Path(name).is_dir() or is_url(name) or "@" not in name
    subset, _, run = (name, "", "") if whole else name.rpartition("@")
    layout, newest = finished(subset)
    manifest = run_named(layout, run) if run else newest
    if manifest is None:
        known = run_ids(layout)
        if run == "previous":
            raise UserError(f"{subset}: has one run so far, so there is none before it; run it again to compare")
        fitting = [run_id for run_id in known if run_id.startswith(run) or run_id.endswith(run)]
        what = f"{len(fitting)} runs fit" if fitting else "it has no such run"
        raise UserError(f"{name}: {what}; the newest are {', '.join((fitting or known)[-5:])}")
    return layout, manifest


@contextmanager
def progress() -> Iterator[Report]:
    """Show a live progress line in a terminal, and nothing where the output is no terminal."""
    from rich.progress import BarColumn, Progress, TextColumn

    shown = console(stderr=True)
    columns = (BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as bar:
        task = bar.add_task("starting workers", total=None)

        def report(progress: MeasureProgress) -> None:
            bar.update(task, completed=progress.file_bytes, total=progress.total_file_bytes, description=str(progress))

        yield report


def show_rows(rows: Sequence[Mapping[str, str]]) -> None:
    """Show rows with the same keys as a table; only the first column is aligned to the left."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for index, name in enumerate(rows[0] if rows else ()):
        table.add_column(name, justify="right" if index else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row.values()))
    console().print(table)


def known_recipe(subset: str) -> GalleryRecipe:
    """Return the gallery's recipe of a subset, whose name may be given with its group."""
    from dj_assets.recipe.gallery import known_recipe

    return known_recipe(subset)


def several(count: int, thing: str) -> str:
    """Return a number of things in words: "1 part", "1,200 parts"."""
    return f"{count:,} {thing}{'s' * (count != 1)}"


def tell(*sentences: str) -> None:
    """Print notes that are no results."""
    for sentence in sentences:
        console(stderr=True).print(f"note: {sentence}", style="yellow", markup=False, highlight=False, soft_wrap=True)


def console(*, stderr: bool = False) -> Console:
    """Return the terminal to write to. Control characters of samples, ids and file names are shown by name."""
    from rich.console import Console

    from dj_assets.cli.printed import VisibleControls

    terminal = Console(stderr=stderr)
    terminal.push_render_hook(VisibleControls())
    if not terminal.is_terminal:
        terminal.width = max(terminal.width, 120)  # a file or a pipe has no width for wrapping lines
    return terminal
