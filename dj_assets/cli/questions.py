"""Commands for questions about people in clips: draft, review, publish."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from dj_assets.cli.console import Finished, console, names_damage, several, tell
from dj_assets.errors import UserError

app = typer.Typer(help="Questions of HumanVBench about people in clips.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of drafts, see 'questions draft'.")]


@app.command("draft", epilog="Example: dj-assets questions draft humanvbench questions/ --answers answers.jsonl")
@names_damage
def draft(
    subset: Finished,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Gets the drafts; earlier decisions stay.")],
    answers: Annotated[
        Path | None,
        typer.Option(help="JSON lines with task, sample, clip, question, and the answer of every model."),
    ] = None,
    options: Annotated[int, typer.Option(min=2, max=8, help="Options of each question.")] = 4,
    seed: Annotated[int, typer.Option(help="The seed of the positions of options.")] = 0,
) -> None:
    """Make draft questions: how many people a clip shows, and those that models answered."""
    from dj_assets.evaluation.humanvbench.drafts import make_drafts, read_answers, write_drafts
    from dj_assets.evaluation.humanvbench.selection import candidates
    from dj_assets.explore.review.clips import SubsetClips

    given = read_answers(answers) if answers else []
    clips = SubsetClips(subset)
    name = str(Path(subset).resolve()) if Path(subset).is_dir() else subset
    made, without = make_drafts(name, candidates(clips.refined), given, options=options, seed=seed)
    clips.close()
    path = write_drafts(folder, made)
    console().print(f"{path}: {several(len(made), 'question')}", markup=False, highlight=False, soft_wrap=True)
    tell(*(f"{several(count, 'question')} not made: {reason}" for reason, count in without.items()))


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

    drafts = read_drafts(folder)
    if not drafts:
        raise UserError(f"{folder}: holds no questions")
    clips = SubsetClips(drafts[0].subset)
    counts = publication.publish(output, Review(folder, drafts).reviewed(), clips.opened)
    clips.close()
    parts = " + ".join(f"{count} {state}" for state, count in counts.items())
    console().print(f"{output}: {several(len(drafts), 'question')} = {parts}", markup=False, highlight=False)
