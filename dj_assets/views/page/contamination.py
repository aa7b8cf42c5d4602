"""Benchmarks that samples share n-grams with."""

from __future__ import annotations

from dj_assets.analysis.contamination import FoundBenchmark, FoundDocument, found_benchmarks, found_documents
from dj_assets.analysis.figures import rate
from dj_assets.publish.database import reading
from dj_assets.views.page.html import joined, quoted_text, table
from dj_assets.views.page.report_input import ReportInput, Section

_SHOWN = 160


def contamination(report_input: ReportInput) -> Section | None:
    """Return the benchmarks and their documents that samples share n-grams with; None without such a step."""
    with reading(report_input.database) as connection:
        benchmarks = found_benchmarks(connection, report_input.plan)
        documents = found_documents(connection, report_input.plan)
    if not benchmarks:
        return None
    head = ("operator", "benchmark", "samples with n-grams of it", "dropped for it", "its documents in samples")
    body = [table(head, map(_benchmark, benchmarks), numbers_from=2)]
    if documents:
        about = ("benchmark", "document", "for example", "shared n-gram", "samples", "covered")
        body.append(table(about, map(_document, documents), numbers_from=4))
    sentence = (
        "Samples that share n-grams with benchmarks. Below: the documents of benchmarks that are in most samples."
    )
    return Section("contamination", "Benchmarks", sentence, joined(body))


def _benchmark(found: FoundBenchmark) -> list[str]:
    counts = (found.samples, found.dropped, found.documents)
    return [found.operator, quoted_text(found.name), *(f"{count:,}" for count in counts)]


def _document(found: FoundDocument) -> list[str]:
    ngram = found.ngram if len(found.ngram) <= _SHOWN else f"{found.ngram[:_SHOWN]}…"
    texts = (found.benchmark, found.id, found.sample, ngram)
    return [*(quoted_text(text) for text in texts), f"{found.samples:,}", rate(found.coverage)]
