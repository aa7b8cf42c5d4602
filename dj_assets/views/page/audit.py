"""Show the agreement of filters by language models with a second model."""

from __future__ import annotations

from dj_assets.analysis.audit import FilterAgreement, agreements
from dj_assets.publish.database import reading
from dj_assets.views.page.html import quoted_text, table
from dj_assets.views.page.report_input import ReportInput, Section

_HEAD = (
    "step", "model", "second model", "samples", "both keep", "only the first", "only the second", "both drop",
    "agreement", "Cohen's kappa",
)  # fmt: skip


def audit(report_input: ReportInput) -> Section | None:
    """Return the agreement of every filter with its second model; None if no filter has one."""
    with reading(report_input.database) as connection:
        found = agreements(connection, report_input.plan)
    if not found:
        return None
    about = "Samples that a second model judged, too; it decided about none. Kappa is 0 for chance and 1 for agreement."
    return Section("audit", "Audit by a second model", about, table(_HEAD, map(_row, found), numbers_from=3))


def _row(found: FilterAgreement) -> list[str]:
    counts = (found.number, found.both, found.first, found.second, found.none)
    kappa = "–" if found.kappa is None else f"{found.kappa:.2f}"
    share = f"{found.share:.1%}" if found.number else "–"
    names = (found.step, quoted_text(found.model), quoted_text(found.audit_model))
    return [*names, *(f"{count:,}" for count in counts), share, kappa]
