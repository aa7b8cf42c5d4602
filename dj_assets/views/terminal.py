"""Tables for the terminal, drawn with rich."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dj_assets.home.identity import in_words
from dj_assets.home.run_manifest import RunManifest

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from dj_assets.analysis.explain import SampleTrace


def render_run(manifest: RunManifest, reused_s: float | None = None) -> Group:
    """Return the funnel of a run and its totals.

    `reused_s` is the time of a later run that found this one up to date and wrote nothing, in seconds. It is shown
    instead of the time of the run itself.
    """
    from rich.console import Group

    steps = manifest.funnel
    quarantined = ("quarantined",) if manifest.quarantined else ()
    timed = () if reused_s is not None else ("s",)
    table = _table("", "operator", "in", "out", "dropped", *quarantined, *manifest.made, "kept", *timed, numbers_from=2)
    numbered = ((str(number), step) for number, step in enumerate(steps))
    for number, step in (*(("", step) for step in manifest.loading), *numbered):
        counts = [step.samples_in, step.samples_out, step.dropped, *([step.quarantined] if quarantined else [])]
        made = [int(getattr(step, name)) for name in manifest.made]
        # a share of samples that were made from others would tell nothing
        kept = "–" if step.created else _share(step.samples_out, step.samples_in)
        seconds = [f"{step.seconds:.1f}" if number else ""] if timed else []
        table.add_row(number, step.operator, *_numbers(*counts, *made), kept, *seconds)
    return Group(table, _summary(manifest, reused_s), *_short_texts(manifest), *_against(manifest))


def render_trace(trace: SampleTrace) -> Text:
    """Return the trace of a sample as text: one line for each operator, with a mark at the one that ended it."""
    from rich.text import Text

    text = Text()
    text.append(f"{trace.id}: {trace.outcome}\n", style="bold")
    text.append(f"{trace.source}, shard {trace.shard}, {in_words(trace.row)}\n", style="dim")
    text.append("\n" if trace.steps else "no operator processed it\n")
    width = max((len(step.operator) for step in trace.steps), default=0)
    for step in trace.steps:
        style = "red" if step.ended else ""
        text.append(f"{'×' if step.ended else ' '} {step.operator:{width}}  {step.summary}\n", style=style)
        for detail in step.details:
            text.append(f"    {detail}\n", style="dim")
        for call in step.calls:
            result = ("answer", call.answer) if call.error is None else ("error", call.error)
            for role, content in (*call.messages, result):
                text.append(f"    {role}: {content}\n", style="dim")
    for line in trace.kept_duplicate:
        text.append(f"\n{line}")
    return text


def run_and_models(manifest: RunManifest) -> Text:
    """Return the name of the subset of a run as a heading, and its models with the beginnings of their checksums."""
    from rich.text import Text

    models = ", ".join(f"{model.name}@{model.sha256[:12]}" for model in manifest.models)
    return Text.assemble((manifest.name.rpartition("/")[2], "bold"), (f"  models: {models}" if models else "", "dim"))


def render_rows(rows: Sequence[Any], title: str = "") -> Table:
    """Return a table of instances of one dataclass, with one column for each field."""
    records = [asdict(row) for row in rows]
    table = _table(*(records[0] if records else ()))
    table.title = title or None
    for record in records:
        table.add_row(*("" if value is None else str(value) for value in record.values()))
    return table


def _table(*columns: str, numbers_from: int = 99) -> Table:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, title_justify="left")
    for index, column in enumerate(columns):
        # in a narrow terminal names are wrapped, numbers are not
        right = index >= numbers_from
        table.add_column(column, justify="right" if right else "left", no_wrap=right, overflow="fold")
    return table


def _summary(manifest: RunManifest, reused_s: float | None) -> str:
    effort = f"{sum(manifest.seconds.values()):.1f} s, peak {manifest.peak_rss_mb:,.0f} MB"
    if reused_s is not None:
        effort = f"already there since {manifest.finished}, nothing was written; {reused_s:.1f} s"
    created = f" + {manifest.created:,} created" if manifest.created else ""
    became = "".join(f" + {count:,} {name}" for name, count in manifest.made.items() if name != "created")
    return (
        f"\n{manifest.name}: {manifest.samples_in:,} in{created} = {manifest.samples_out:,} kept + "
        f"{manifest.dropped:,} dropped + {manifest.quarantined:,} quarantined{became}; "
        f"retention {manifest.retention:.2%}; {effort}"
    )


def _short_texts(manifest: RunManifest) -> list[str]:
    return [
        f"{label}: {count:,} of its duplicates are texts too short for one shingle (keep_short_texts keeps them)"
        for label, count in manifest.short_texts.items()
        if count
    ]


def _against(manifest: RunManifest) -> list[str]:
    reference = manifest.against
    if reference is None:
        return []
    dropped, samples = reference.dropped, reference.samples
    return [f"{dropped:,} of the dropped are duplicates of the reference set ({samples:,} samples)"]


def _numbers(*values: int) -> list[str]:
    return [f"{value:,}" for value in values]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"
