"""Commands for questions about people in clips: draft, review, publish, explain."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from dj_assets.cli.console import Finished, console, names_damage, several, tell
from dj_assets.errors import UserError

app = typer.Typer(help="Questions of HumanVBench about people in clips.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of drafts, see 'questions draft'.")]


@app.command("draft", epilog="Example: dj-assets questions draft humanvbench questions/ --model a --model b --blind c")
@names_damage
def draft(
    subset: Finished,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Gets the drafts; earlier decisions stay.")],
    answers: Annotated[
        Path | None,
        typer.Option(help="JSON lines with task, sample, clip, question, and the answer of every model."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="A vision language model that answers, NAME or NAME=ADDRESS; give several."),
    ] = None,
    author: Annotated[str, typer.Option(help="The model that describes clips; by default the first --model.")] = "",
    blind: Annotated[
        str, typer.Option(help="A model that answers without the video; what it solves is left out.")
    ] = "",
    tries: Annotated[int, typer.Option(min=1, help="Attempts of the blind test.")] = 4,
    solved: Annotated[int, typer.Option(min=1, help="Right attempts that make a question solvable.")] = 3,
    task: Annotated[list[str] | None, typer.Option(help="Ask models for this task only; give several.")] = None,
    options: Annotated[int, typer.Option(min=2, max=8, help="Options of each question.")] = 4,
    seed: Annotated[int, typer.Option(help="The seed of the positions of options.")] = 0,
) -> None:
    """Make draft questions: how many people a clip shows, and those that models make and answer.

    Every call is kept in FOLDER and not repeated; 'dj-assets generations FOLDER' lists the calls.
    """
    from dj_assets.evaluation.humanvbench.making import Orders, drafted
    from dj_assets.explore.review.clips import SubsetClips

    if solved > tries:
        raise UserError(f"--solved is {solved}; it is at most --tries, {tries}")
    clips = SubsetClips(subset)
    clips.close()
    name = str(Path(subset).resolve()) if Path(subset).is_dir() else subset
    orders = Orders(answers, tuple(model or ()), author, blind, tries, solved, tuple(task or ()), options, seed)
    made = drafted(name, clips.refined, folder, orders)
    text = f"{made.path}: {several(len(made.drafts), 'question')}"
    console().print(text, markup=False, highlight=False, soft_wrap=True)
    tell(*made.remarks)


@app.command("review", epilog="Example: dj-assets questions review questions/ --reviewer ada")
@names_damage
def review(
    folder: Folder,
    reviewer: Annotated[str, typer.Option(help="Your name: every decision is kept with it.")],
    port: Annotated[int, typer.Option(help="The port of the page, which only this machine can open.")] = 3011,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Serve a page to review questions: the clip, the options, and keys to accept, rewrite or reject."""
    from dj_assets.explore.review.server import ReviewServer

    with ReviewServer(port, folder, reviewer) as server:
        text = f"Review: {server.url}  (Ctrl-C stops it)"
        console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)
        if show:
            typer.launch(server.url)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


@app.command("publish", epilog="Example: dj-assets questions publish questions/ benchmark/")
@names_damage
def publish(
    folder: Folder,
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="Gets one file a task, the clips, and the origins.")],
) -> None:
    """Write the questions that every reviewer keeps, in the published form, with their clips."""
    from dj_assets.evaluation.humanvbench import publication
    from dj_assets.evaluation.humanvbench.drafts import read_drafts
    from dj_assets.evaluation.humanvbench.review import Review
    from dj_assets.explore.review.clips import SubsetClips
    from dj_assets.stores.generations import FOLDER as CALLS
    from dj_assets.stores.generations import Generations

    drafts = read_drafts(folder)
    if not drafts:
        raise UserError(f"{folder}: holds no questions")
    clips = SubsetClips(drafts[0].subset)
    calls = Generations(str(folder / CALLS), read_only=True)
    counts = publication.publish(output, Review(folder, drafts).reviewed(), clips.opened, calls)
    clips.close()
    parts = " + ".join(f"{count} {state}" for state, count in counts.items())
    console().print(f"{output}: {several(len(drafts), 'question')} = {parts}", markup=False, highlight=False)


@app.command("explain", epilog="Example: dj-assets questions explain benchmark/ Human_Count_0123456789ab")
@names_damage
def explain(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of drafts, or of published questions.")],
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="The id of one question; by default all.")] = "",
) -> None:
    """Show where questions come from: clip, track, models, votes, blind test and decisions."""
    from dj_assets.analysis.earlier_samples import annotators_of
    from dj_assets.evaluation.humanvbench import drafts, publication
    from dj_assets.evaluation.humanvbench.origin import explained
    from dj_assets.evaluation.humanvbench.review import Review
    from dj_assets.evaluation.humanvbench.selection import AnnotatedClip, annotated_clips
    from dj_assets.explore.review.clips import SubsetClips

    if (folder / drafts.FILE).is_file():
        found = list(map(publication.provenance, Review(folder, drafts.read_drafts(folder)).reviewed()))
    else:
        found = publication.read_provenance(folder)
    chosen = [one for one in found if question in {"", one["Question_id"]}]
    if not chosen:
        raise UserError(f"{folder}: has no question {question}" if question else f"{folder}: holds no questions")
    known: dict[tuple[str, str, int], AnnotatedClip] = {}
    annotators: dict[str, list[str]] = {}
    for subset in {one["subset"] for one in chosen}:
        with suppress(UserError):
            clips = SubsetClips(subset)
            clips.close()
            annotators[subset] = annotators_of(clips.manifest)
            known |= {(subset, *clip): about for clip, about in annotated_clips(clips.refined).items()}
    for one in chosen:
        clip = known.get((one["subset"], one["sample"], one["clip"]))
        lines = explained(one, clip, annotators.get(one["subset"], ()))
        console().print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
