"""Commands for authors of operators."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dj_assets.cli.console import console

if TYPE_CHECKING:
    from rich.table import Table

app = typer.Typer(help="Operators: list them, write a new one, check your own.", no_args_is_help=True)


@app.command("list", epilog="Example: dj-assets operators list")
def operators_list(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")] = False,
) -> None:
    """List all operators with their kind and purpose, those of installed packages included."""
    from dj_assets.operators.registry import find, operator_names
    from dj_assets.reference.operator_tables import first_sentence, kind_of

    classes = {name: cls for name in operator_names() if (cls := find(name)) is not None}
    rows = [
        {"operator": name, "kind": kind_of(cls), "purpose": first_sentence(cls.__doc__ or "")}
        for name, cls in classes.items()
    ]
    if as_json:
        console().print(json.dumps(rows, indent=1, ensure_ascii=False), markup=False, highlight=False, soft_wrap=True)
    else:
        console().print(_table(rows))


@app.command("new", epilog="Example: dj-assets operators new shout_filter --output operators")
def operators_new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name in recipes, such as shout_filter.")],
    kind: Annotated[
        Literal["filter", "mapper", "field_mapper", "selector", "expander", "grouper", "aggregator", "deduplicator"]
        | None,
        typer.Option(help="The kind; default: the one at the end of the name, else a filter."),
    ] = None,
    output: Annotated[Path, typer.Option("--output", help="The folder for both files.")] = Path(),
) -> None:
    """Write the file of a new operator, and its test; files that exist stay."""
    from dj_assets.testing.new_operator import write_operator

    made = write_operator(name, kind, output)
    lines = (
        f"{made.file}: the operator {made.name}",
        f"{made.test}: its test",
        f"check it with: dj-assets operators check {made.file}",
        f"use it in a recipe with: custom_operator_paths: {made.file}",
    )
    for line in lines:
        console().print(line, markup=False, highlight=False, soft_wrap=True)


@app.command("check", epilog="Example: dj-assets operators check shout_filter.py")
def operators_check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A Python file with operators.")],
) -> None:
    """Check every operator of a file on small batches; exit 2 if one breaks its contract."""
    from dj_assets.testing.operator_file import check_file

    results = check_file(file)
    for result in results:
        line = f"error: {result.problem}" if result.problem else f"{result.name}: all well"
        style = "red" if result.problem else None
        console(stderr=bool(result.problem)).print(line, style=style, markup=False, highlight=False, soft_wrap=True)
    if any(result.problem for result in results):
        raise typer.Exit(2)


def _table(rows: list[dict[str, str]]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in rows[0]:
        table.add_column(name, overflow="fold", no_wrap=name == "operator")
    for row in rows:
        table.add_row(*(escape(cell.replace("`", "")) for cell in row.values()))
    return table
