"""Counts of mappers that rewrite samples, such as those of personal data of each kind."""

from __future__ import annotations

from dj_assets.analysis.mapper_counts import MapperCount, mapper_counts
from dj_assets.publish.database import reading
from dj_assets.views.page.html import table
from dj_assets.views.page.report_input import ReportInput, Section


def redacted(report_input: ReportInput) -> Section | None:
    """Return the numbers of replaced matches of every kind; None without a mapper that counts."""
    with reading(report_input.database) as connection:
        counts = mapper_counts(connection, report_input.plan)
    if not counts:
        return None
    head = ("operator", "kind", "matches", "samples with any", "kept samples with any")
    about = "Matches that were replaced in all samples, by kind."
    return Section("redacted", "Redacted", about, table(head, map(_row, counts), numbers_from=2))


def _row(count: MapperCount) -> list[str]:
    return [count.operator, count.key, f"{count.total:,}", f"{count.samples:,}", f"{count.kept:,}"]
