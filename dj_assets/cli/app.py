"""The command line: every command reads its arguments, calls one function and shows the result."""

from __future__ import annotations

import gc
import io
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from dj_assets import __version__, settings
from dj_assets.cli import (
    config,
    distill,
    evaluations,
    look,
    mix,
    models,
    operate,
    operators,
    questions,
    refine,
    sandbox,
    similar,
    storage,
    user_interface,
)
from dj_assets.cli.arguments import spread
from dj_assets.cli.console import console
from dj_assets.errors import DjError


class Commands(TyperGroup):
    """Run a command; tell how it ended where Typer would say "Aborted." or nothing."""

    def invoke(self, ctx: Any) -> object:  # noqa: ANN401 - Typer's context class is private
        """Run the command that the arguments name."""
        try:
            return super().invoke(ctx)
        except EOFError as error:
            # Typer takes it for the end of what a user types; no command reads from the terminal
            raise RuntimeError("a file or a process ended too early") from error
        except KeyboardInterrupt:
            console(stderr=True).print("interrupted; finished files are kept, run again to continue", markup=False)
            raise typer.Exit(130) from None


app = typer.Typer(
    name="dj-assets",
    cls=Commands,
    help="Refine training data: the Data-Juicer recipe gallery as Dagster assets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
# in the order of --help
for part in (user_interface, operate, refine, look, similar, distill, storage, mix, config):
    app.add_typer(part.app)
groups = {
    "operators": operators.app,
    "models": models.app,
    "sandbox": sandbox.app,
    "eval": evaluations.app,
    "questions": questions.app,
}
for name, group in groups.items():
    app.add_typer(group, name=name, rich_help_panel="More commands in groups")


def main() -> None:
    """Run the command line; exit with 2 and one line for a mistake of the user, with 1 for any other error."""
    gc.set_threshold(settings.COLLECT_AFTER)
    for stream in (sys.stdout, sys.stderr):
        # a name that the console cannot show must not end a finished run
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(spread(sys.argv[1:]))
    except DjError as error:
        console(stderr=True).print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False) -> None:
    if version:
        console().print(__version__, highlight=False)
        raise typer.Exit
