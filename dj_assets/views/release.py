"""The files that are published with the data of every run: contact sheets, a report and a dataset card."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from dj_assets.analysis.run_checks import check_input_of
from dj_assets.errors import DamagedError
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import published_run, run_before
from dj_assets.home.run_manifest import RunManifest
from dj_assets.recipe.plan import Plan
from dj_assets.views.card import card_of_remark, dataset_card
from dj_assets.views.contact_sheet import write_sheets
from dj_assets.views.left_out import or_remark
from dj_assets.views.page.document import page_of_remark, report_page
from dj_assets.views.page.report_input import ReportInput


def accompany(folder: Path, manifest: RunManifest, plan: Plan, layout: Layout) -> None:
    """Write contact sheets (where operators read media), report and card into the folder that is about to be published.

    `layout` is that of the measured files and of the manifest of the run before.
    """
    write_sheets(folder, manifest, plan, layout)
    write_report(folder, manifest, plan, layout)


def write_report(folder: Path, manifest: RunManifest, plan: Plan, layout: Layout) -> None:
    """Write report and card of a run into the folder that is about to be published.

    Parameters
    ----------
    folder
        The folder with the database and the refined shards of the run.
    layout
        The layout of its measured files and of the manifest of the run before.
    """
    published = replace(layout, published=folder)
    report, card = or_remark(
        lambda: _pages(run_facts(folder, manifest, plan, layout)),
        lambda remark: (page_of_remark(remark), card_of_remark(remark)),
        "report",
    )
    for path, content in ((published.report, report), (published.card, card)):
        # names of files may have bytes that are no characters
        path.write_text(content, "utf-8", errors="replace")


def _pages(report_input: ReportInput) -> tuple[str, str]:
    """Return report and card."""
    return (
        or_remark(partial(report_page, report_input), page_of_remark, "report"),
        or_remark(partial(dataset_card, report_input), card_of_remark, "dataset card"),
    )


def run_facts(folder: Path, manifest: RunManifest, plan: Plan, layout: Layout) -> ReportInput:
    """Return the input of a run's report; that run is the newest one, or is about to be published."""
    lying = replace(layout, published=folder)
    return ReportInput(manifest, plan, lying, check_input_of(plan, lying, manifest, _earlier(layout, manifest)))


def _earlier(layout: Layout, manifest: RunManifest) -> RunManifest | None:
    """Return the manifest of the run before; None also if it is damaged: a report is made without it."""
    newest = published_run(layout)
    if newest is None or newest.run_id != manifest.run_id:
        return newest
    with suppress(DamagedError):
        return run_before(layout)
    return None
