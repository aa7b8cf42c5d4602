"""The files that are published with the data of every run: contact sheets, a report and a dataset card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dj_assets.analysis.run_checks import check_input_of
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import published_run
from dj_assets.home.run_manifest import RunManifest
from dj_assets.publish.release import Accompany
from dj_assets.recipe.plan import Plan
from dj_assets.views.card import dataset_card
from dj_assets.views.contact_sheet import sheet_writer
from dj_assets.views.page.document import report_page
from dj_assets.views.page.report_input import ReportInput


def accompany(inputs: Sequence[str | Path] | None = None) -> Accompany:
    """Return a function that writes contact sheets (where operators read media), the report and the card.

    `inputs` are the files of the run, where they are not those of the recipe's source.
    """
    sheets = sheet_writer(inputs)

    def write(folder: Path, manifest: RunManifest, plan: Plan, layout: Layout) -> None:
        """Write sheets, report and card."""
        sheets(folder, manifest, plan, layout)
        write_report(folder, manifest, plan, layout)

    return write


def write_report(folder: Path, manifest: RunManifest, plan: Plan, layout: Layout) -> None:
    """Write report and card of a run into the folder that is about to be published.

    Parameters
    ----------
    folder
        The folder with the database and the refined shards of the run.
    layout
        The layout of its measured files and of the manifest of the run before.
    """
    report_input = run_facts(folder, manifest, plan, layout)
    for path, content in (
        (report_input.layout.report, report_page(report_input)),
        (report_input.layout.card, dataset_card(report_input)),
    ):
        path.write_text(content, "utf-8")


def run_facts(folder: Path, manifest: RunManifest, plan: Plan, layout: Layout) -> ReportInput:
    """Return the input of a run's report; the newest manifest of the layout is that of the run before."""
    lying = replace(layout, published=folder)
    earlier = published_run(layout)
    return ReportInput(manifest, plan, lying, check_input_of(plan, lying, manifest, earlier))
