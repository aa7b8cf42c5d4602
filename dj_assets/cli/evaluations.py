"""Commands for evaluation records: enter results, compare them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dj_assets.cli.console import console, known_recipe, several, show_rows, tell

app = typer.Typer(help="Benchmark results of subsets.", no_args_is_help=True)

Subset = Annotated[str, typer.Argument(metavar="SUBSET", help="A subset of the gallery.")]


@app.command("add", epilog="Example: dj-assets eval add results.json --subset c4")
def eval_add(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.json|csv", help="A file of results, in a format of docs/sandbox.md.")
    ],
    subset: Annotated[str | None, typer.Option(help="The subset, where the file does not name it.")] = None,
) -> None:
    """Enter results; measured ones belong to the newest run of the subset."""
    from dj_assets.evaluation.of_subset import add_results
    from dj_assets.evaluation.read_file import read_results

    results = read_results(file, subset)
    entered = add_results(known_recipe(results.subset).asset.subset, results, str(file))
    console().print(f"{results.subset}: {len(entered)} results entered", highlight=False)


@app.command("humanvbench", epilog="Example: dj-assets eval humanvbench questions/ replies.json --model mine")
def eval_humanvbench(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The files of the tasks, in the published form.")],
    replies: Annotated[
        Path, typer.Argument(metavar="REPLIES.json", help="A list of runs: objects of replies by Question_id.")
    ],
    model: Annotated[str, typer.Option(help="The unique name of the model.")],
    subset: Annotated[str, typer.Option(help="The subset that gets the results.")] = "humanvbench",
) -> None:
    """Score the replies of a model to the questions of HumanVBench, and enter the accuracies."""
    from dj_assets.evaluation.humanvbench.publication import made_by_family
    from dj_assets.evaluation.humanvbench.scoring import read_questions, read_replies, records, score
    from dj_assets.evaluation.of_subset import add_results
    from dj_assets.evaluation.read_file import EvaluationResults

    scores = score(read_questions(folder), read_replies(replies))
    name = known_recipe(subset).asset.subset
    add_results(name, EvaluationResults(name, tuple(records(scores, name, model)), None), str(replies))
    show_rows(
        [
            {"task": task, "accuracy": f"{value:.1f} %", "guessed": f"{scores.random[task]:.1f} %"}
            for task, value in scores.tasks.items()
        ]
    )
    for group, value in scores.groups.items():
        console().print(f"{group}: {value:.1f} %", highlight=False)
    related = made_by_family(folder, model)
    if related:
        tell(f"models of the family of {model} made or answered {several(related, 'question')} of this benchmark")


@app.command("show", epilog="Example: dj-assets eval show llava_pretrain")
def eval_show(
    subset: Subset,
    baseline: Annotated[str | None, typer.Option(help="The model to compare with; default: the chosen one.")] = None,
) -> None:
    """Compare every model with the baseline: deltas, wins, ties, losses; published and measured results separately."""
    from dj_assets.evaluation.comparison import computed_totals
    from dj_assets.evaluation.of_subset import evaluations_of
    from dj_assets.views.sandbox.tables import difference_rows, wins_and_losses

    known = evaluations_of(known_recipe(subset).name.rpartition("/")[2])
    for comparison in known.comparisons(baseline):
        console().print(
            f"\n{comparison.model}  against  {comparison.baseline}  ({comparison.standing})",
            markup=False,
            highlight=False,
        )
        show_rows(difference_rows(comparison))
        console().print(wins_and_losses(comparison), highlight=False)
        records = [
            record for record in known.records if (record.model, record.origin) == (comparison.model, comparison.origin)
        ]
        totals = computed_totals(records)
        if totals:
            console().print(
                f"VBench, computed from the dimensions: total {totals.total:.2f}, quality {totals.quality:.2f}, "
                f"semantic {totals.semantic:.2f}",
                highlight=False,
            )
        tell(*([f"only one of the two has {', '.join(comparison.only)}"] if comparison.only else []))
