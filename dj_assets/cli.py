"""The thin command line: every command reads its arguments, calls one function and shows what it returns."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dj_assets import __version__
from dj_assets.errors import DjError, UserError

if TYPE_CHECKING:
    from rich.console import Console

    from dj_assets.engine.progress import Progress as MeasureProgress
    from dj_assets.engine.progress import Report
    from dj_assets.recipe.model import Recipe
    from dj_assets.recipe.plan import Plan
    from dj_assets.storage.layout import Layout
    from dj_assets.storage.sources import SourceFile

app = typer.Typer(
    name="dj-assets",
    help="Refine training data: the Data-Juicer recipe gallery as Dagster assets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
models_app = typer.Typer(
    help="Models and word lists: where they are, getting them, checking them.", no_args_is_help=True
)
app.add_typer(models_app, name="models")

RecipePath = Annotated[
    Path, typer.Argument(metavar="RECIPE.yaml", help="A recipe; Data-Juicer's own files load unchanged.")
]
ModelsFolder = Annotated[Path | None, typer.Option("--models", help="A folder searched for models before all others.")]


def main() -> None:
    """Run the command line; exit 2 for the user's mistake with one line, 1 for anything else."""
    try:
        app()
    except DjError as error:
        _console(stderr=True).print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _console(stderr=True).print("interrupted; finished shards are kept, run again to go on", markup=False)
        sys.exit(130)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Show the version and leave.")] = False) -> None:
    if version:
        _console().print(__version__, highlight=False)
        raise typer.Exit


@app.command()
def dev(
    port: Annotated[int, typer.Option(help="Where the UI listens.")] = 3000,
    host: Annotated[str, typer.Option(help="The address it listens on.")] = "127.0.0.1",
) -> None:
    """Start the UI: Dagster's web server and daemon over dagster_home/."""
    from dj_assets.assets.dev import start_dev

    raise typer.Exit(start_dev(port=port, host=host))


@app.command()
def demo() -> None:
    """Materialize every subset of the gallery on its source and show what was kept."""
    from dj_assets.assets.demo import materialize_gallery
    from dj_assets.report.run_table import render_gallery

    outcomes = materialize_gallery()
    _console().print(render_gallery([outcome.row for outcome in outcomes if outcome.row]))
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        _console(stderr=True).print(f"error: {outcome.name}: {outcome.error}", style="red", markup=False)
    if failed:
        raise typer.Exit(1)


@app.command()
def run(
    recipe: RecipePath,
    inputs: Annotated[list[Path], typer.Option("--input", help="A file, folder or glob; give it several times.")],
    output: Annotated[Path, typer.Option("--output", help="The folder for the results.")],
    against: Annotated[
        list[Path] | None,
        typer.Option("--against", help="Drop duplicates of these samples, too; give it several times."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes; default: the recipe's np, else the CPUs.")
    ] = None,
    engine: Annotated[Literal["local"], typer.Option(help="What runs the stages.")] = "local",
    models: ModelsFolder = None,
    format: Annotated[Literal["parquet", "jsonl"], typer.Option(help="Format of the refined shards.")] = "parquet",
    limit: Annotated[int | None, typer.Option(min=1, help="Read only the first so many records.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Take an output folder that holds another run.")
    ] = False,
) -> None:
    """Run any recipe over any files, without touching the project."""
    from dj_assets.report.terminal import render_run
    from dj_assets.subset import run_recipe

    checked = _plan(recipe, models).recipe
    with _progress() as report:
        result = run_recipe(
            checked,
            inputs,
            output,
            against=against or None,
            models=models,
            overwrite=overwrite,
            report=report,
            engine=engine,
            workers=workers,
            limit=limit,
            format=format,
        )
    _console().print(render_run(result.manifest))


@app.command()
def validate(
    recipe: RecipePath,
    inputs: Annotated[list[Path] | None, typer.Option("--input", help="Check that these can be read, too.")] = None,
    models: ModelsFolder = None,
) -> None:
    """Check a recipe, its models and its inputs before any data is read."""
    plan = _plan(recipe, models)
    files = _files(plan.recipe, inputs)
    where = f", {len(files)} files" if files else ""
    _console().print(f"{recipe}: {len(plan.steps)} operators, all well{where}", markup=False, highlight=False)


@app.command()
def plan(
    recipe: RecipePath,
    inputs: Annotated[list[Path] | None, typer.Option("--input", help="What would be read.")] = None,
    models: ModelsFolder = None,
) -> None:
    """Show what a run would do: stages, statistics, models, bytes."""
    from dj_assets.models.store import ModelStore
    from dj_assets.report.plan_table import render_plan

    made = _plan(recipe, models)
    _console().print(render_plan(made, made.models(ModelStore.with_folder(models)), _files(made.recipe, inputs)))


@app.command()
def funnel(
    subset: Annotated[str, typer.Argument(help="A subset of the gallery, or the output folder of a run.")],
) -> None:
    """Show samples in and out of every operator of the last run."""
    from dj_assets.report.terminal import render_run

    _console().print(render_run(_finished(subset)[1]))


@app.command()
def explain(
    subset: Annotated[str, typer.Argument(help="A subset of the gallery, or the output folder of a run.")],
    sample: Annotated[str, typer.Option("--id", help="The id of a sample, as in stats.parquet.")],
    models: ModelsFolder = None,
) -> None:
    """Tell a sample's whole story: what changed it, what was measured, what ended it, its twin."""
    from dj_assets.models.store import ModelStore
    from dj_assets.recipe.load import load_recipe
    from dj_assets.recipe.plan import make_plan
    from dj_assets.report.explain import explain
    from dj_assets.report.terminal import render_story

    layout, manifest = _finished(subset)
    plan = make_plan(load_recipe({"process": manifest["process"], "text_keys": manifest["text_keys"]}))
    for story in explain(plan, layout, manifest, sample, ModelStore.with_folder(models)):
        _console().print(render_story(story))


@app.command()
def tune(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE.yaml|SUBSET", help="A recipe, or a subset of the gallery.")],
    rule: Annotated[str, typer.Option(help="3sigma, quantile=LOW,HIGH or keep=RATE.")] = "3sigma",
    data: Annotated[
        str | None, typer.Option("--from", help="A subset or output folder with a finished run; default: its own.")
    ] = None,
    write: Annotated[Path | None, typer.Option("--write", help="Write the recipe with the proposed values.")] = None,
) -> None:
    """Propose thresholds from the statistics of a finished run, and show what they would keep."""
    from dj_assets import settings
    from dj_assets.report.tune import tune, write_tuned
    from dj_assets.report.tune_rule import parse_rule
    from dj_assets.report.tune_table import render_tuning

    checked, folder = _recipe_and_folder(recipe, data)
    proposal = tune(checked, folder, parse_rule(rule), settings.default_workers())
    _console().print(render_tuning(proposal), markup=False, highlight=False)
    if write:
        write_tuned(proposal, write)
        _tell(f"{len(proposal.changes)} operators changed in {write}")


@models_app.command("list")
def models_list(models: ModelsFolder = None) -> None:
    """Show every model of the gallery and whether it is here."""
    from dj_assets.models.pull import listing
    from dj_assets.models.store import ModelStore
    from dj_assets.report.terminal import render_rows

    _console().print(render_rows(listing(ModelStore.with_folder(models))))


@models_app.command("pull")
def models_pull(
    names: Annotated[list[str], typer.Argument(help="Names as 'models list' shows them.")],
    into: Annotated[Path | None, typer.Option("--into", help="The folder; default <DJ_HOME>/models.")] = None,
) -> None:
    """Download models, check their checksums, keep them."""
    from dj_assets import settings
    from dj_assets.models.pull import pull

    for name in names:
        path = pull(name, into or settings.pulled_models())
        _console().print(f"{name}: {path}", markup=False, highlight=False, soft_wrap=True)


@models_app.command("verify")
def models_verify(models: ModelsFolder = None) -> None:
    """Compare the checksums of all models that are here; exit 1 if one differs."""
    from dj_assets.models.pull import verify
    from dj_assets.models.store import ModelStore
    from dj_assets.report.terminal import render_rows

    rows = verify(ModelStore.with_folder(models))
    _console().print(render_rows(rows))
    if any(row.differs for row in rows):
        raise typer.Exit(1)


def _plan(recipe: Path, models: Path | None) -> Plan:
    from dj_assets.models.store import ModelStore
    from dj_assets.recipe.load import load_recipe
    from dj_assets.recipe.plan import make_plan

    made = make_plan(load_recipe(recipe))
    _tell(*made.recipe.notices, *(model.warning for model in made.models(ModelStore.with_folder(models)) if model.note))
    return made


def _files(recipe: Recipe, inputs: list[Path] | None) -> tuple[SourceFile, ...]:
    """Return the files of `--input`, else those the recipe's source names; check its reference set where it has one."""
    from dj_assets.storage.inputs import against_of, files_of

    named = recipe.asset is not None or recipe.dataset_path is not None
    given = [Path.cwd() / path for path in inputs] if inputs else None
    files = files_of(recipe, given) if given or named else ()
    against_of(recipe, files)
    return files


def _recipe_and_folder(recipe: str, data: str | None) -> tuple[Recipe, Path]:
    """Return a recipe, given by file or subset, and the folder that its finished run, or the one named, is in."""
    from dj_assets import settings
    from dj_assets.recipe.gallery import as_asset, find_gallery
    from dj_assets.recipe.load import load_recipe

    path = Path(recipe)
    found = as_asset(load_recipe(path), path.resolve()) if path.is_file() else find_gallery().recipes.get(path.name)
    if found is None or found.asset is None:
        raise UserError(f"{recipe}: is neither a recipe file nor a subset of the gallery")
    subset = data or found.asset.subset
    return found, Path(subset) if Path(subset).is_dir() else settings.data_home() / subset


def _finished(subset: str) -> tuple[Layout, dict[str, Any]]:
    """Return the layout and the newest manifest of a subset of the gallery or of an output folder."""
    from dj_assets import settings
    from dj_assets.storage.layout import Layout
    from dj_assets.storage.manifest import newest_run

    folder = Path(subset) if Path(subset).is_dir() else settings.data_home() / subset
    for layout in (Layout.output(folder), Layout.home(folder)):
        found = newest_run(layout)
        if found is not None:
            return layout, found
    raise UserError(f"{folder}: holds no finished run; give a subset of the gallery or the output of 'dj-assets run'")


@contextmanager
def _progress() -> Iterator[Report]:
    """Show a live line in a terminal, nothing elsewhere."""
    from rich.progress import BarColumn, Progress, TextColumn

    console = _console(stderr=True)
    columns = (BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting workers", total=None)

        def report(progress: MeasureProgress) -> None:
            bar.update(task, completed=progress.file_bytes, total=progress.total_file_bytes, description=str(progress))

        yield report


def _tell(*sentences: str) -> None:
    """Say things that are worth knowing and no result."""
    for sentence in sentences:
        _console(stderr=True).print(f"note: {sentence}", style="yellow", markup=False, highlight=False, soft_wrap=True)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr)
    if not console.is_terminal:
        console.width = max(console.width, 120)  # a file or a pipe has no edge to break lines at
    return console


if __name__ == "__main__":
    main()
