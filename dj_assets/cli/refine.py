"""Commands for a recipe: run it, validate it, show its plan."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dj_assets import variables
from dj_assets.cli.console import ModelsFolder, RecipePath, console, finished, known_recipe, progress, several, tell

if TYPE_CHECKING:
    from rich.console import RenderableType

    from dj_assets.recipe.model import Recipe
    from dj_assets.recipe.parameters import Unknown
    from dj_assets.recipe.plan import Plan
    from dj_assets.sources.sources import SourceFile
    from dj_assets.stores.path import SourcePath

app = typer.Typer()

_PANEL = "Run"
UnknownParameters = Annotated[
    Literal["error", "notice"] | None,
    typer.Option(help="Refuse unknown parameters, or leave them out with a notice; default: as the recipe says."),
]


@app.command(rich_help_panel=_PANEL, epilog="Example: dj-assets run mine.yaml --input 'data/*.jsonl.zst' --output out")
def run(
    recipe: RecipePath,
    inputs: Annotated[list[str], typer.Option("--input", help="Files, folders, globs, or URLs such as s3://….")],
    output: Annotated[str, typer.Option("--output", help="The folder or URL for the results.")],
    against: Annotated[
        list[str] | None,
        typer.Option("--against", help="Drop duplicates of samples in these files or URLs, too."),
    ] = None,
    against_text_key: Annotated[
        str | None, typer.Option(help="The key of the text in the files of --against, if it is another one.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Number of worker processes; default: np of the recipe, else the number of CPUs."),
    ] = None,
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(
            envvar=variables.ENGINE.name, help="Worker processes on this machine, or a Ray cluster (RAY_ADDRESS)."
        ),
    ] = "local",
    models: ModelsFolder = None,
    format: Annotated[Literal["parquet", "jsonl"], typer.Option(help="Format of the refined shards.")] = "parquet",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Read only this number of records, from the first on.")
    ] = None,
    part_size: Annotated[
        str, typer.Option(help="About the size of small source files that become one refined file.")
    ] = "4MB",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write into an output folder that holds another run.")
    ] = False,
    unknown_parameters: UnknownParameters = None,
) -> None:
    """Run any recipe over any files, without touching the project."""
    made = _plan(recipe, models, unknown_parameters)
    checked = made.recipe
    _warm_early(made, models)

    if not checked.custom_operators:
        from dj_assets.kernels.import_guards import forget_pandas

        # before pyarrow.dataset is imported, which imports pandas, too
        forget_pandas()
    from dj_assets.views.run import run_recipe
    from dj_assets.views.terminal import render_run

    with progress() as report:
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
            against_text_key=against_text_key,
            part_bytes=_bytes(part_size),
        )
    console().print(render_run(result.manifest, result.seconds if result.reused else None))
    tell(*result.manifest.notices)


def _bytes(size: str) -> int:
    from dj_assets.errors import UserError
    from dj_assets.recipe.sizes import parse_bytes

    try:
        return parse_bytes(size)
    except ValueError as error:
        raise UserError(f"--part-size: {error}") from None


def _warm_early(plan: Plan, models: Path | None) -> None:
    """Let the started workers load the needs of the recipe, while this process loads its own modules."""
    from dj_assets.measure.work import Task
    from dj_assets.measure.workers import warm_early
    from dj_assets.models.store import ModelStore

    warm_early(Task.of_stage(plan, 0, ModelStore.with_folder(models), {}))


@app.command(rich_help_panel=_PANEL, epilog="Example: dj-assets validate mine.yaml --input data/")
def validate(
    recipe: RecipePath,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="Check that these files or URLs can be read, too.")
    ] = None,
    models: ModelsFolder = None,
    unknown_parameters: UnknownParameters = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not ask the servers of language models whether they answer.")
    ] = False,
) -> None:
    """Check a recipe, its models and its inputs before any data is read; ask its servers of language models."""
    from dj_assets.recipe.model_servers import unanswered

    plan = _plan(recipe, models, unknown_parameters)
    if plan.recipe.custom_operators:
        from dj_assets.models.store import ModelStore
        from dj_assets.testing.bench import try_custom_operators

        try_custom_operators(plan, ModelStore.with_folder(models))
    files = _files(plan.recipe, inputs)
    missing = () if offline else unanswered(plan)
    tell(*missing)
    where = f", {several(len(files), 'file')}" if files else ""
    console().print(
        f"{recipe}: {several(len(plan.steps), 'operator')}, {'valid' if missing else 'all well'}{where}",
        markup=False,
        highlight=False,
    )


@app.command(rich_help_panel=_PANEL, epilog="Example: dj-assets plan c4")
def plan(
    recipe: RecipePath,
    inputs: Annotated[list[str] | None, typer.Option("--input", help="The files or URLs to plan for.")] = None,
    models: ModelsFolder = None,
    unknown_parameters: UnknownParameters = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Expect the calls of this number of records.")] = None,
    earlier: Annotated[
        str | None,
        typer.Option(
            "--from", help="A subset or output folder whose calls of language models are the basis; default: its own."
        ),
    ] = None,
) -> None:
    """Show the plan of a run: stages, statistics, models, bytes, and expected calls of language models."""
    from dj_assets.models.store import ModelStore
    from dj_assets.views.plan_table import render_plan

    made = _plan(recipe, models, unknown_parameters)
    files = _files(made.recipe, inputs)
    calls = _expected_calls(made, files, limit, earlier)
    console().print(render_plan(made, made.models(ModelStore.with_folder(models)), files, calls))


def _expected_calls(
    plan: Plan, files: tuple[SourceFile, ...], limit: int | None, earlier: str | None
) -> list[RenderableType]:
    """Return the expected calls of language models, by those of an earlier run where there is one."""
    from dj_assets.analysis.expected_calls import EarlierCalls, expected_calls
    from dj_assets.errors import UserError
    from dj_assets.models.text.prices import price_table
    from dj_assets.recipe.model import GalleryRecipe
    from dj_assets.sources.expected_records import expected_records
    from dj_assets.views.expected_calls import render_expected_calls

    if not plan.asks_models or not files:
        return []
    before = EarlierCalls()
    own = plan.recipe.name if isinstance(plan.recipe, GalleryRecipe) else None
    if earlier or own:
        # a subset that was not run yet has no calls
        with nullcontext() if earlier else suppress(UserError):
            before = EarlierCalls.of_run(*finished(earlier or str(own)))
    records = expected_records(files, plan.recipe.text_key, limit)
    return render_expected_calls(expected_calls(plan, records, before, price_table()), records, before)


def _plan(recipe: Path, models: Path | None, unknown: Unknown | None) -> Plan:
    from dj_assets.models.store import ModelStore
    from dj_assets.recipe.load import load_recipe
    from dj_assets.recipe.plan import make_plan

    made = make_plan(load_recipe(_file_of(recipe), unknown))
    tell(*made.notices(), *(model.warning for model in made.models(ModelStore.with_folder(models)) if model.note))
    return made


def _file_of(recipe: Path) -> Path:
    """Return the file of a recipe; the recipe may be given as a subset of the gallery."""
    named = not recipe.suffix and not recipe.exists()
    return Path(known_recipe(str(recipe)).file) if named else recipe


def _files(recipe: Recipe, inputs: list[str] | None) -> tuple[SourceFile, ...]:
    """Return the files of `--input`, else those of the recipe's source; check its reference set, if there is one."""
    from dj_assets.recipe.model import GalleryRecipe
    from dj_assets.subset.inputs import against_of, files_of
    from dj_assets.subset.notices import of_files_left_out

    named = isinstance(recipe, GalleryRecipe) or bool(recipe.inputs)
    left_out: list[SourcePath] = []
    files = files_of(recipe, inputs or None, left_out) if inputs or named else ()
    against_of(recipe, files, left_out=left_out)
    tell(*of_files_left_out(left_out))
    return files
