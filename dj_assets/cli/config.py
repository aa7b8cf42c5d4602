"""The command that lists all settings."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from dj_assets.cli.console import console, tell

if TYPE_CHECKING:
    from rich.table import Table

    from dj_assets.recipe.configured import Setting

app = typer.Typer()


@app.command(rich_help_panel="Settings", epilog="Example: dj-assets config --json")
def config(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")] = False,
    of_system: Annotated[bool, typer.Option("--system", help="Show what this system can promise instead.")] = False,
) -> None:
    """List every setting with its value, its origin and its unit; exit 2 if a value cannot be used.

    The origin is the default, the environment, or the file sources.yaml. Secrets are shown as "set".
    """
    if of_system:
        _show_system()
        return
    from dj_assets.recipe.configured import settings_in_effect, unknown_variables

    entries = settings_in_effect()
    if as_json:
        text = json.dumps([asdict(setting) for setting in entries], indent=1, ensure_ascii=False)
        console().print(text, markup=False, highlight=False, soft_wrap=True)
    else:
        console().print(_table(entries))
    tell(*unknown_variables())
    for problem in dict.fromkeys(setting.problem for setting in entries if setting.problem):
        console(stderr=True).print(f"error: {problem}", style="red", markup=False, highlight=False, soft_wrap=True)
    if any(setting.problem for setting in entries):
        raise typer.Exit(2)


def _show_system() -> None:
    from rich.table import Table

    from dj_assets import system
    from dj_assets.media.confinement import missing

    lacking = [f"the process that decodes has no {layer}" for layer in missing()]
    table = Table("promise", "kept", "consequence", box=None, header_style="bold", pad_edge=False)
    for promise in system.promises():
        table.add_row(promise.subject, "yes" if promise.kept else "no", "" if promise.kept else promise.otherwise)
    table.add_row("the process that decodes is confined", "no" if lacking else "yes", "; ".join(lacking))
    console().print(table)


def _table(entries: list[Setting]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("setting", "value", "origin", "unit", "meaning"):
        table.add_column(name, overflow="fold")
    group = ""
    for setting in entries:
        if setting.group != group:
            group = setting.group
            table.add_row(f"[bold]{group}[/bold]")
        cells = (setting.name, _shown(setting), setting.origin, setting.unit, setting.about)
        table.add_row(*(escape(cell.replace("`", "")) for cell in cells))
    return table


def _shown(setting: Setting) -> str:
    if setting.problem:
        return "cannot be used"
    if setting.value is None:
        return f"({setting.default})"
    return "\n".join(setting.value) if isinstance(setting.value, list) else str(setting.value)
