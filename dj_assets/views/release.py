"""What is published beside the data of every run: a report to look at, and a dataset card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dj_assets.analysis.verdicts import evidence_of
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run, run_before
from dj_assets.publish.release import Accompany
from dj_assets.recipe.plan import Plan
from dj_assets.views.card import dataset_card
from dj_assets.views.contact_sheet import sheet_writer
from dj_assets.views.page.document import report_page
from dj_assets.views.page.facts import Facts


def accompany(inputs: Sequence[str | Path] | None = None) -> Accompany:
    """Return what writes all that people read beside the data: contact sheets where media are looked at, the report.

    `inputs` are the files of the run where they are others than those of the recipe's own source.
    """
    sheets = sheet_writer(inputs)

    def write(folder: Path, manifest: Mapping[str, Any], plan: Plan, layout: Layout) -> None:
        """Write sheets, report and card."""
        sheets(folder, manifest, plan, layout)
        write_report(folder, manifest, plan, layout)

    return write


def write_report(folder: Path, manifest: Mapping[str, Any], plan: Plan, layout: Layout) -> None:
    """Write report and card of a run into the folder that is about to be published.

    Parameters
    ----------
    folder
        Where the database and the refined shards of the run lie.
    layout
        Where its measured files lie, and the manifest of the run before.
    """
    facts = run_facts(folder, manifest, plan, layout)
    for path, content in ((facts.layout.report, report_page(facts)), (facts.layout.card, dataset_card(facts))):
        path.write_text(content, "utf-8")


def run_facts(folder: Path, manifest: Mapping[str, Any], plan: Plan, layout: Layout) -> Facts:
    """Return what the report of a run is made from, that run being the one to be published, or the newest."""
    lying = replace(layout, published=folder)
    earlier = newest_run(layout)
    if earlier is not None and earlier["run_id"] == manifest["run_id"]:
        earlier = run_before(layout)
    return Facts(manifest, plan, lying, evidence_of(plan, lying, manifest, earlier))
