"""The command that searches finished runs for samples near a text."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from dj_assets.cli.console import ModelsFolder, console, finished, show_rows
from dj_assets.errors import UserError

app = typer.Typer()


@app.command(rich_help_panel="Inspect a finished run", epilog='Example: dj-assets similar c4 --text "A long text"')
def similar(
    subsets: Annotated[
        list[str], typer.Argument(metavar="SUBSET|DIR…", help="Subsets of the gallery, or output folders of runs.")
    ],
    text: Annotated[list[str] | None, typer.Option("--text", help="A text to search for; may be repeated.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="A file with one text, or JSON lines with a field 'text'.")
    ] = None,
    threshold: Annotated[float, typer.Option(min=0.05, max=1, help="The least Jaccard similarity of shingles.")] = 0.5,
    most: Annotated[int, typer.Option(min=1, help="The most samples for each text.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print each sample as one line of JSON.")] = False,
    models: ModelsFolder = None,
) -> None:
    """Find the samples of finished runs whose text is near a given text, dropped samples included."""
    from dj_assets.analysis.similar import similar
    from dj_assets.models.store import ModelStore

    texts = [*(text or ()), *(_texts(file) if file else ())]
    if not texts:
        raise UserError("give a text to search for: --text TEXT or --file FILE")
    runs = {name: finished(name) for name in subsets}
    found = similar(runs, texts, threshold=threshold, most=most, models=ModelStore.with_folder(models))
    if as_json:
        for sample in found:
            line = json.dumps(asdict(sample), ensure_ascii=False)
            console().print(line, markup=False, highlight=False, soft_wrap=True)
    elif found:
        show_rows([_row(sample.text, asdict(sample), several=len(texts) > 1) for sample in found])
    else:
        console().print(f"no sample with a similarity of at least {threshold:g}", highlight=False)


def _row(number: int, sample: dict[str, object], *, several: bool) -> dict[str, str]:
    from dj_assets.views.visible import visible

    shown = {"text": str(number)} if several else {}
    columns = ("subset", "id", "similarity", "outcome", "excerpt")
    return shown | {name: visible(str(sample[name])) for name in columns}


def _texts(file: Path) -> list[str]:
    """Return the texts of a file."""
    try:
        content = file.read_text("utf-8")
        if file.suffix != ".jsonl":
            return [content]
        return [str(json.loads(line)["text"]) for line in content.splitlines() if line.strip()]
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file}: is no UTF-8 text, or a line has no field 'text' ({error})") from None
