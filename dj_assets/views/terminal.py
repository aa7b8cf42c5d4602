"""Tables for the terminal, drawn with rich."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dj_assets.replay.funnel import FunnelStep

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from dj_assets.analysis.explain import Story


def render_run(manifest: Mapping[str, Any], reused_s: float | None = None) -> Group:
    """Return the funnel of a run and its sums.

    `reused_s` are the seconds of a later run that found this one up to date and wrote nothing: they are shown instead
    of those of the run itself.
    """
    from rich.console import Group

    steps = [FunnelStep.of_json(step) for step in manifest["funnel"]]
    quarantined = ("quarantined",) if manifest["quarantined"] else ()
    timed = () if reused_s is not None else ("s",)
    table = _table("", "operator", "in", "out", "dropped", *quarantined, "kept", *timed, numbers_from=2)
    lost = manifest["dropped_by_load"], manifest["quarantined_by_load"]
    rows = [(str(n), s.operator, s.samples_in, s.samples_out, s.dropped, s.quarantined) for n, s in enumerate(steps)]
    if any(lost):
        rows.insert(0, ("", "load", manifest["samples_in"], manifest["samples_in"] - sum(lost), *lost))
    seconds = {step.operator: f"{step.seconds:.1f}" for step in steps}
    for number, operator, before, after, dropped, failed in rows:
        counts = _numbers(before, after, dropped, *((failed,) if quarantined else ()))
        table.add_row(number, operator, *counts, _share(after, before), *([seconds.get(operator, "")] if timed else []))
    return Group(table, _summary(manifest, reused_s), *_short_texts(manifest), *_against(manifest))


def render_story(story: Story) -> Text:
    """Return a sample's story as text: a line an operator, the one that ended it marked."""
    from rich.text import Text

    text = Text()
    text.append(f"{story.id}: {story.fate}\n", style="bold")
    text.append(f"{story.source}, shard {story.shard}, row {story.row}\n", style="dim")
    text.append("\n" if story.steps else "no operator saw it\n")
    width = max((len(step.operator) for step in story.steps), default=0)
    for step in story.steps:
        style = "red" if step.ended else ""
        text.append(f"{'×' if step.ended else ' '} {step.operator:{width}}  {step.said}\n", style=style)
        for detail in step.details:
            text.append(f"    {detail}\n", style="dim")
    for line in story.twin:
        text.append(f"\n{line}")
    return text


def render_rows(rows: Sequence[Any], title: str = "") -> Table:
    """Return a table of dataclass instances of one kind, a column a field."""
    records = [asdict(row) for row in rows]
    table = _table(*(records[0] if records else ()))
    table.title = title or None
    for record in records:
        table.add_row(*("" if value is None else str(value) for value in record.values()))
    return table


def _table(*columns: str, numbers_from: int = 99) -> Table:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, title_justify="left")
    for place, column in enumerate(columns):
        # where the terminal is narrow names break, numbers never do
        right = place >= numbers_from
        table.add_column(column, justify="right" if right else "left", no_wrap=right, overflow="fold")
    return table


def _summary(manifest: Mapping[str, Any], reused_s: float | None) -> str:
    in_, out, dropped, quarantined = (
        manifest[name] for name in ("samples_in", "samples_out", "dropped", "quarantined")
    )
    effort = f"{sum(manifest['seconds'].values()):.1f} s, peak {manifest['peak_rss_mb']:,.0f} MB"
    if reused_s is not None:
        effort = f"already there since {manifest['finished']}, nothing was written; {reused_s:.1f} s"
    return (
        f"\n{manifest['name']}: {in_:,} in = {out:,} kept + {dropped:,} dropped + {quarantined:,} quarantined; "
        f"retention {manifest['retention']:.2%}; {effort}"
    )


def _short_texts(manifest: Mapping[str, Any]) -> list[str]:
    return [
        f"{label}: {count:,} of its duplicates are texts too short for one shingle (keep_short_texts keeps them)"
        for label, count in manifest["short_texts"].items()
        if count
    ]


def _against(manifest: Mapping[str, Any]) -> list[str]:
    reference = manifest.get("against")
    if reference is None:
        return []
    dropped, samples = reference["dropped"], reference["samples"]
    return [f"{dropped:,} of the dropped are duplicates of the reference set ({samples:,} samples)"]


def _numbers(*values: int) -> list[str]:
    return [f"{value:,}" for value in values]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"
