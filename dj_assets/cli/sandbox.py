"""Commands that find a recipe by training on pools of a subset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dj_assets.cli.console import console, known_recipe, show_rows, tell
from dj_assets.errors import UserError

if TYPE_CHECKING:
    from dj_assets.sandbox.discovery import Standings
    from dj_assets.sandbox.evaluations import Evaluation
    from dj_assets.sandbox.experiment import Sandbox

app = typer.Typer(help="Find a recipe: train on pools of a subset and compare them.", no_args_is_help=True)

Subset = Annotated[str, typer.Argument(metavar="SUBSET", help="A subset of the gallery with a 'sandbox:' block.")]


@app.command("pools", epilog="Example: dj-assets sandbox pools demo_sandbox")
def sandbox_pools(subset: Subset) -> None:
    """Cut the subset into pools and show their sizes; nothing is trained."""
    from dj_assets.views.sandbox.tables import pool_rows

    opened = _open(subset)
    made = opened.probe()
    show_rows(pool_rows(made))
    tell(*(f"{name}: {why}" for name, why in made.without.items()))


@app.command("run", epilog="Example: dj-assets sandbox run demo_sandbox")
def sandbox_run(subset: Subset) -> None:
    """Probe, train and evaluate, combine the best thirds; finished trainings are not repeated."""
    from dj_assets.sandbox.discovery import discover, write_best

    opened = _open(subset)
    known = discover(opened, _say)
    _show(opened, known)
    best, recipe = write_best(opened, known)
    console().print(f"\nbest: {best}\n{recipe}", markup=False, highlight=False, soft_wrap=True)


@app.command("rank", epilog="Example: dj-assets sandbox rank demo_sandbox")
def sandbox_rank(subset: Subset) -> None:
    """Show the ranking of the evaluations so far, and the missing ones."""
    from dj_assets.sandbox.discovery import standings

    opened = _open(subset)
    _show(opened, standings(opened))


@app.command("evaluate", epilog="Example: dj-assets sandbox evaluate demo_sandbox/alnum_ratio_high --seed 2")
def sandbox_evaluate(
    pool: Annotated[str, typer.Argument(metavar="SUBSET/POOL", help="A pool, as 'sandbox pools' shows it.")],
    seed: Annotated[int, typer.Option(help="The seed.")] = 1,
) -> None:
    """Train on one pool with one seed; exit 1 if this fails."""
    from dj_assets.sandbox.evaluations import evaluate

    opened, name = _open_pool(pool)
    made = evaluate(opened, name, seed)
    _say(made)
    if made.status == "failed":
        raise typer.Exit(1)


@app.command("recipe", epilog="Example: dj-assets sandbox recipe demo_sandbox/alnum_ratio_high")
def sandbox_recipe(
    pool: Annotated[str, typer.Argument(metavar="SUBSET/POOL", help="A pool, as 'sandbox pools' shows it.")],
    write: Annotated[
        Path | None, typer.Option("--write", help="A file or a recipe folder; default: show the recipe.")
    ] = None,
) -> None:
    """Show or write the recipe that keeps the samples of a pool; in a recipe folder it is an asset."""
    from dj_assets.sandbox.pool_recipe import pool_recipe, recipe_subset

    opened, name = _open_pool(pool)
    text = pool_recipe(opened, name)
    if write is None:
        typer.echo(text, nl=False)
        return
    target = write / f"{recipe_subset(opened, name)}.yaml" if write.is_dir() else write
    if target.exists():
        raise UserError(f"{target}: is there already; remove it or choose another name")
    target.write_text(text, "utf-8")
    console().print(str(target), markup=False, highlight=False, soft_wrap=True)


def _open(subset: str) -> Sandbox:
    from dj_assets.sandbox.experiment import Sandbox

    return Sandbox.of_asset(known_recipe(subset))


def _open_pool(location: str) -> tuple[Sandbox, str]:
    subset, _, pool = location.partition("/")
    if not pool:
        raise UserError(f"{location}: name the subset and the pool, such as c4/alnum_ratio_high")
    return _open(subset), pool


def _say(made: Evaluation) -> None:
    how = "finished before" if made.reused else f"{made.seconds:.1f} s"
    numbers = ", ".join(f"{name} {value:.5g}" for name, value in made.metrics.items())
    message = f"{numbers} ({how})" if made.status == "done" else f"failed: {made.why}"
    style = "" if made.status == "done" else "red"
    console(stderr=True).print(
        f"{made.pool} seed {made.seed}: {message}", style=style, markup=False, highlight=False, soft_wrap=True
    )


def _show(opened: Sandbox, known: Standings) -> None:
    from dj_assets.views.page.sandbox import write_sandbox_page
    from dj_assets.views.sandbox.tables import score_rows

    for round_ in known.rounds:
        console().print(
            f"\n{round_.name}: {round_.size:,} samples per pool, against {round_.baseline}", highlight=False
        )
        show_rows(score_rows(known.scores[round_.name]))
    console().print(f"\n{write_sandbox_page(opened, known)}", markup=False, highlight=False, soft_wrap=True)
