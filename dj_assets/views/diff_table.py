"""The comparison of two runs for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dj_assets.analysis.figures import percent
from dj_assets.analysis.run_changes import changed_files, changed_models, changed_recipe, changed_versions
from dj_assets.analysis.run_diff import FateChange, Moved, Run, RunDiff

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.table import Table
    from rich.text import Text

# Longer lists do not help a reader.
_MOST_LINES = 40


def render_diff(before: Run, now: Run, diff: RunDiff) -> Group:
    """Return the changes of recipe and source, the changed outcomes by operator and reason, and a few samples."""
    from rich.console import Group

    old, new = before.manifest, now.manifest
    sections = {
        "recipe": changed_recipe(old, new),
        "models": changed_models(old, new),
        "versions": changed_versions(old, new),
        "source files": changed_files(old, new),
    }
    parts: list[RenderableType] = [_heading(before, now)]
    parts += [_lines(f"changed {name}", lines) for name, lines in sections.items() if lines]
    if not any(sections.values()):
        parts.append("the same recipe, models, versions and source files\n")
    parts += [_balance(diff), _table(diff.changes) if diff.changes else "", *_examples(diff.examples)]
    return Group(*parts)


def _heading(before: Run, now: Run) -> Text:
    from rich.text import Text

    text = Text()
    for what, run in (("before", before), ("now   ", now)):
        manifest = run.manifest
        kept = percent(manifest.samples_out, manifest.samples)
        text.append(f"{what}  {manifest.name}@{manifest.run_id}  ", style="bold")
        text.append(f"{manifest.samples_out:,} of {manifest.samples:,} kept, {kept}\n")
    return text


def _lines(title: str, lines: Sequence[str]) -> Text:
    from rich.text import Text

    text = Text(f"{title}\n", style="bold")
    for line in lines[:_MOST_LINES]:
        text.append(f"  {line}\n", style="not bold")
    if len(lines) > _MOST_LINES:
        text.append(f"  … and {len(lines) - _MOST_LINES:,} more\n", style="not bold")
    return text


def _balance(diff: RunDiff) -> str:
    sentence = (
        f"{diff.compared:,} samples are in both: {diff.kept_before:,} kept before, {diff.kept_now:,} kept now; "
        f"{diff.gained:,} gained, {diff.lost:,} lost\n"
    )
    only = [
        f"{count:,} samples were read {when} only; they are not counted below\n"
        for count, when in ((diff.only_before, "before"), (diff.only_now, "now"))
        if count
    ]
    return "".join([sentence, *only])


def _table(changes: Sequence[FateChange]) -> Table:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("ended by", "reason"):
        table.add_column(name)
    for name in ("before", "now", "gained", "lost"):
        table.add_column(name, justify="right")
    for change in changes[:_MOST_LINES]:
        counts = (change.before, change.now, change.gained, change.lost)
        table.add_row(change.operator, change.reason, *(f"{count:,}" if count else "" for count in counts))
    if len(changes) > _MOST_LINES:
        table.add_row("", f"… and {len(changes) - _MOST_LINES:,} more")
    return table


def _examples(examples: Sequence[Moved]) -> list[Text]:
    titles = {False: "lost", True: "gained"}
    texts = []
    for gained, title in titles.items():
        lines = [_example(moved) for moved in examples if moved.gained is gained]
        if lines:
            texts.append(_lines(f"\n{title}, for example", lines))
    return texts


def _example(moved: Moved) -> str:
    ended = f"{moved.operator}, {moved.reason}" if moved.reason else moved.operator
    return f"{moved.id}  ({'before ' if moved.gained else ''}{ended})"
