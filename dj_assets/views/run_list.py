"""The runs of a subset, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dj_assets.analysis.figures import percent
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import read_json, run_ids
from dj_assets.publish.outcomes import record_file
from dj_assets.stores.copies import is_there

if TYPE_CHECKING:
    from rich.table import Table


_NUMBERS = ("in", "kept", "share")


def render_runs(layout: Layout) -> Table:
    """Return a table of the runs; the newest is what is published, and `diff` can tell of those with a record."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("run", "finished", "in", "kept", "share", "in diff"):
        table.add_column(
            name, justify="right" if name in _NUMBERS else "left", no_wrap=name in _NUMBERS, overflow="fold"
        )
    for run in reversed(run_ids(layout)):
        manifest = read_json(layout.runs / f"{run}.json")
        if manifest is None:
            table.add_row(run, "its manifest is damaged", "", "", "", "no")
            continue
        samples_in, kept = manifest.get("samples_in", 0), manifest.get("samples_out", 0)
        record = "yes" if is_there(record_file(layout, run)) else "no"
        finished = str(manifest.get("finished", ""))[:19].replace("T", " ")
        table.add_row(run, finished, f"{samples_in:,}", f"{kept:,}", percent(kept, samples_in), record)
    return table
