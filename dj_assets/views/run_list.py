"""The runs of a subset, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dj_assets.analysis.figures import percent
from dj_assets.errors import DamagedError
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import run_ids
from dj_assets.home.run_manifest import RunManifest
from dj_assets.publish.outcomes import record_file
from dj_assets.stores.copies import is_there

if TYPE_CHECKING:
    from rich.table import Table


_NUMBERS = ("in", "kept", "share")


def render_runs(layout: Layout) -> Table:
    """Return a table of the runs; the newest is the published one, and `diff` compares those with a record."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("run", "finished", "in", "kept", "share", "in diff"):
        table.add_column(
            name, justify="right" if name in _NUMBERS else "left", no_wrap=name in _NUMBERS, overflow="fold"
        )
    for run in reversed(run_ids(layout)):
        record = "yes" if is_there(record_file(layout, run)) else "no"
        try:
            manifest = RunManifest.read(layout.runs / f"{run}.json")
        except DamagedError:
            table.add_row(run, "the manifest is damaged", "", "", "", record)
            continue
        kept, share = manifest.samples_out, percent(manifest.samples_out, manifest.samples)
        finished = manifest.finished[:19].replace("T", " ")
        table.add_row(run, finished, f"{manifest.samples_in:,}", f"{kept:,}", share, record)
    return table
