"""The samples of earlier subsets that a sample was made from, back to the first source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dj_assets.analysis.funnel_chain import runs_before
from dj_assets.home.identity import source_row
from dj_assets.home.layout import Layout
from dj_assets.home.numbering import are_aggregates
from dj_assets.home.run_manifest import RunManifest
from dj_assets.publish.database import SamplePosition, reading


@dataclass(frozen=True)
class EarlierSample:
    """A sample of an earlier subset: the layout and the manifest of its run, and its id there."""

    layout: Layout
    manifest: RunManifest
    sample: str


def earlier_samples(layout: Layout, manifest: RunManifest, position: SamplePosition) -> tuple[EarlierSample, ...]:
    """Return what a sample was made from, the first subset first; nothing if its input is no refined subset.

    The way ends at a sample that was made of a group, where ids are not unique, and where a subset was refined again
    since.

    Parameters
    ----------
    layout, manifest
        The run that has the sample.
    position
        The shard and the row of the sample in that run.
    """
    found: list[EarlierSample] = []
    for earlier_layout, earlier in reversed(runs_before(manifest)):
        shard, row = position
        record = "SELECT id FROM stats WHERE shard = ? AND row = ?"
        names = [] if are_aggregates(shard) else _asked(layout, record, (shard, source_row(row)))
        positions = _asked(earlier_layout, "SELECT shard, row FROM stats WHERE id = ?", names[0]) if names else []
        if len(positions) != 1:
            break
        found.insert(0, EarlierSample(earlier_layout, earlier, str(names[0][0])))
        layout, position = earlier_layout, (int(positions[0][0]), int(positions[0][1]))
    return tuple(found)


def annotators_of(manifest: RunManifest) -> list[str]:
    """Return each subset on the way to a run, with its operators, and its models with their checksums."""
    lines = []
    for run in (*(earlier for _, earlier in runs_before(manifest)), manifest):
        operators = ", ".join(name for step in run.process for name in step)
        models = ", ".join(f"{model.name}@{model.sha256[:12]}" for model in run.models)
        lines.append(f"{run.name.rpartition('/')[2]}: {operators}{f'; models {models}' if models else ''}")
    return lines


def _asked(layout: Layout, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
    with reading(layout.database) as connection:
        return connection.execute(query, list(values)).fetchall()
