"""Commands that inspect a finished run: its funnel, the trace of a sample, thresholds."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from dj_assets.cli.console import Finished, ModelsFolder, console, finished, named_run, names_damage, tell
from dj_assets.errors import UserError

app = typer.Typer()

_PANEL = "Inspect a finished run"


@app.command(rich_help_panel=_PANEL, epilog="Example: dj-assets funnel c4")
@names_damage
def funnel(
    subset: Finished,
) -> None:
    """Show samples in and out of every operator of the last run."""
    from dj_assets.views.terminal import render_run

    console().print(render_run(finished(subset)[1]))


@app.command(rich_help_panel=_PANEL, epilog="Example: dj-assets explain c4 --id c4.jsonl.gz:50")
@names_damage
def explain(
    subset: Finished,
    sample: Annotated[str, typer.Option("--id", help="The id of a sample; without an id FILE:ROW, counted from 0.")],
    models: ModelsFolder = None,
    whole: Annotated[
        bool, typer.Option("--from-source", help="Begin with the first of the subsets that this one was made from.")
    ] = False,
) -> None:
    """Show the trace of one sample: its changes, its statistics, and the operator that dropped it."""
    from dj_assets.analysis.earlier_samples import earlier_samples
    from dj_assets.analysis.explain import SampleTrace, explain
    from dj_assets.home.layout import Layout
    from dj_assets.home.run_manifest import RunManifest
    from dj_assets.models.store import ModelStore
    from dj_assets.subset.finished import files_as_read, plan_of_run
    from dj_assets.views.terminal import render_trace, run_and_models

    def traces(layout: Layout, manifest: RunManifest, name: str) -> list[SampleTrace]:
        store = ModelStore.with_folder(models)
        return explain(plan_of_run(manifest), layout, manifest, name, store, files=files_as_read(manifest))

    layout, manifest = finished(subset)
    for trace in traces(layout, manifest, sample):
        way = earlier_samples(layout, manifest, (trace.shard, trace.row)) if whole else ()
        for earlier in way:
            console().print(run_and_models(earlier.manifest))
            for one in traces(earlier.layout, earlier.manifest, earlier.sample):
                console().print(render_trace(one))
        if way:
            console().print(run_and_models(manifest))
        console().print(render_trace(trace))


@app.command(rich_help_panel=_PANEL, epilog="Example: dj-assets generations out --failed --export failed.csv")
@names_damage
def generations(
    subset: Finished,
    failed: Annotated[bool, typer.Option("--failed", help="List only the calls that failed.")] = False,
    operator: Annotated[str | None, typer.Option(help="List only the calls of this operator.")] = None,
    model: Annotated[str | None, typer.Option(help="List only the calls to this model.")] = None,
    contains: Annotated[str | None, typer.Option(help="List only calls with this text in prompt or answer.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each call as one line of JSON.")] = False,
    export: Annotated[
        Path | None, typer.Option("--export", help="Write the listed calls to a file: .parquet, .csv or .jsonl.")
    ] = None,
) -> None:
    """List the calls of language models: prompt, answer, tokens, seconds and errors."""
    import json

    from dj_assets.analysis.chosen_calls import ChosenCalls
    from dj_assets.publish.calls import export_calls
    from dj_assets.stores.generations import FOLDER, Generations
    from dj_assets.views.generation_list import render_generations

    # a run that was killed has calls, too
    folder = str(Path(subset, FOLDER)) if Path(subset).is_dir() else finished(subset)[0].generations
    chosen = ChosenCalls(failed=failed, operator=operator, model=model, contains=contains)
    calls = [call for call in Generations(folder).records() if chosen.has(call[1])]
    if export is not None:
        export_calls(calls, export)
        tell(f"{len(calls):,} calls in {export}")
    elif not as_json:
        console().print(render_generations(calls))
    else:
        for key, record in calls:
            line = json.dumps({"key": key, **record}, ensure_ascii=False)
            console().print(line, markup=False, highlight=False, soft_wrap=True)


@app.command(rich_help_panel=_PANEL, epilog="Example: dj-assets runs c4")
@names_damage
def runs(
    subset: Finished,
) -> None:
    """List the runs of a subset, newest first, by the names for 'diff'."""
    from dj_assets.views.run_list import render_runs

    console().print(render_runs(finished(subset)[0]))


@app.command(rich_help_panel=_PANEL, epilog="Example: dj-assets diff c4    or    dj-assets diff out-before out-now")
@names_damage
def diff(
    before: Annotated[str, typer.Argument(metavar="RUN", help="SUBSET, SUBSET@previous, SUBSET@ID or a folder.")],
    now: Annotated[str | None, typer.Argument(metavar="[RUN]", help="The later run; default: the newest.")] = None,
    examples: Annotated[int, typer.Option(min=0, help="Samples to show of every change.")] = 3,
) -> None:
    """Compare two runs: samples gained and lost, by operator and reason."""
    from dj_assets.analysis.run_diff import Run, diff_runs
    from dj_assets.views.diff_table import render_diff

    if now is None:
        before, now = (before, before.rpartition("@")[0]) if "@" in before else (f"{before}@previous", before)
    first, second = Run(*named_run(before)), Run(*named_run(now))
    console().print(render_diff(first, second, diff_runs(first, second, examples)), markup=False, highlight=False)


@app.command(rich_help_panel=_PANEL, epilog="Example: dj-assets report c4 --open    or    dj-assets report --all")
@names_damage
def report(
    subset: Annotated[
        str, typer.Argument(metavar="SUBSET|DIR", help="A subset of the gallery, or the output folder of a run.")
    ] = "",
    all_subsets: Annotated[
        bool, typer.Option("--all", help="Write one page with all subsets and their published figures.")
    ] = False,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Print the paths of the report (one HTML page) and the dataset card of the last run."""
    if all_subsets == bool(subset):
        raise UserError("name one subset or folder, or give --all")
    if all_subsets:
        _report_of_gallery(show=show)
        return
    from dj_assets.home.manifest import require_written
    from dj_assets.stores.copies import at_hand
    from dj_assets.subset.verifying import repair_hint

    layout, manifest = finished(subset)
    if layout.report.name not in manifest.checksums and not at_hand(layout.report).exists():
        raise UserError(f"{layout.location}: the last run wrote no report; run or materialize it again")
    for path in (layout.report, layout.card):
        if path.name in manifest.checksums:
            require_written(path, manifest.checksums[path.name], repair_hint(layout))
    console().print(layout.report, at_hand(layout.card), sep="\n", markup=False, highlight=False, soft_wrap=True)
    if show:
        typer.launch(layout.report.as_uri())


def _report_of_gallery(*, show: bool) -> None:
    """Write the page of all subsets into the data home."""
    from dj_assets import settings
    from dj_assets.home.writing import replace_atomically
    from dj_assets.recipe.gallery import find_gallery, required
    from dj_assets.views.page.gallery import gallery_page

    folder = settings.data_home() if settings.home_url() is None else Path.cwd()
    page = folder / "gallery.html"
    content = gallery_page(required(find_gallery()))
    with replace_atomically(page) as temporary:
        temporary.write_text(content, "utf-8")
    console().print(page, markup=False, highlight=False, soft_wrap=True)
    if show:
        typer.launch(page.as_uri())


@app.command(rich_help_panel=_PANEL, epilog="Example: dj-assets explore c4    or    dj-assets explore out")
@names_damage
def explore(
    subset: Finished,
    port: Annotated[int, typer.Option(help="The port of the page, which only this machine can open.")] = 3010,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Serve a page to look at all samples: filters, single samples, charts, labels, moved thresholds."""
    from dj_assets.explore.server import ExploreServer, run_name
    from dj_assets.urls import is_url

    finished(subset)
    is_folder = is_url(subset) or Path(subset).is_dir()
    with ExploreServer(port, folder=subset if is_folder else None) as server:
        server.open_ahead(run_name(subset))
        url = f"{server.url}{run_name(subset)}/"
        console(stderr=True).print(f"Explore: {url}  (Ctrl-C stops it)", markup=False, highlight=False, soft_wrap=True)
        if show:
            typer.launch(url)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


@app.command(
    rich_help_panel=_PANEL, epilog="Example: dj-assets tune c4 --rule keep=0.95    or    dj-assets tune c4 --serve"
)
@names_damage
def tune(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE.yaml|SUBSET", help="A recipe, or a subset of the gallery.")],
    rule: Annotated[str, typer.Option(help="3sigma, quantile=LOW,HIGH or keep=RATE.")] = "3sigma",
    data: Annotated[
        str | None, typer.Option("--from", help="A subset or output folder with a finished run; default: its own.")
    ] = None,
    write: Annotated[Path | None, typer.Option("--write", help="Write the recipe with the proposed values.")] = None,
    serve: Annotated[
        bool,
        typer.Option(
            "--serve", help="Serve a page with sliders instead: move a threshold, see the samples that it keeps."
        ),
    ] = False,
    port: Annotated[
        int, typer.Option(help="The port of the page of --serve, which only this machine can open.")
    ] = 3010,
) -> None:
    """Propose thresholds from the measured statistics, and show the samples that they would keep."""
    from dj_assets import settings
    from dj_assets.analysis.changed_recipe import write_changed
    from dj_assets.analysis.tune import tune
    from dj_assets.analysis.tune_rule import parse_rule
    from dj_assets.views.tune_table import render_tuning
    from dj_assets.what_if.all_subsets import recipe_and_folder

    if serve:
        _serve(recipe, data, port)
        return
    checked, folder = recipe_and_folder(recipe, data)
    proposal = tune(checked, folder, parse_rule(rule), settings.default_workers())
    console().print(render_tuning(proposal), markup=False, highlight=False)
    if write:
        write_changed(proposal.recipe, proposal.changes, proposal.changed, write)
        tell(f"{len(proposal.changes)} operators changed in {write}")


def _serve(recipe: str, data: str | None, port: int) -> None:
    """Serve the page until it is stopped; reloading the page shows the current recipe and run."""
    from dj_assets.what_if.all_subsets import open_run
    from dj_assets.what_if.server import TuningServer

    with TuningServer(lambda: open_run(recipe, data), port) as server:
        console(stderr=True).print(
            f"What if: {server.url}  (Ctrl-C stops it)", markup=False, highlight=False, soft_wrap=True
        )
        with suppress(KeyboardInterrupt):
            server.serve_forever()
