"""The complete report page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from dj_assets.analysis.figures import rate
from dj_assets.views.left_out import or_remark
from dj_assets.views.page import provenance, results, samples
from dj_assets.views.page.audit import audit
from dj_assets.views.page.calls import model_calls
from dj_assets.views.page.contamination import contamination
from dj_assets.views.page.html import Html, joined, tag
from dj_assets.views.page.image_pairs import image_pairs
from dj_assets.views.page.people import people
from dj_assets.views.page.redacted import redacted
from dj_assets.views.page.report_input import ReportInput, Section
from dj_assets.views.page.sandbox import evaluation
from dj_assets.views.page.whole import whole_page

# In the order of the page. Each returns one section from the input, or None where a run has nothing of the kind; a new
# section needs only its line here.
SECTIONS: tuple[Callable[[ReportInput], Section | None], ...] = (
    results.funnel,
    results.chain,
    results.checks,
    image_pairs,
    people,
    results.distributions,
    evaluation,
    samples.dropped,
    samples.duplicates,
    samples.quarantine,
    contamination,
    redacted,
    model_calls,
    audit,
    provenance.models,
    provenance.sources,
    provenance.recipe,
    provenance.run,
)
_THREADS = 2


def report_page(report_input: ReportInput) -> str:
    """Return the report of a run as one HTML document that needs no other file."""
    # the texts of examples and of duplicates are read at the same time
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="report") as pool:
        made = pool.map(partial(_made, report_input), SECTIONS)
        sections = [section for section in made if section is not None]
    manifest = report_input.manifest
    title = f"{manifest.name}: {rate(manifest.retention)} kept"
    return whole_page(
        title, _header(report_input, sections), tag("main", results.figures(report_input), *map(_section, sections))
    )


def page_of_remark(remark: str) -> str:
    """Return a report that holds a remark alone."""
    return whole_page("Report", tag("header"), tag("main", tag("p", remark)))


def _made(report_input: ReportInput, section: Callable[[ReportInput], Section | None]) -> Section | None:
    """Return a section; one that cannot be made is left out with a remark, since a report must not end a run."""
    name = section.__name__
    return or_remark(
        partial(section, report_input),
        lambda remark: Section(name, name.capitalize(), "", tag("p", remark)),
        "section",
    )


def _header(report_input: ReportInput, sections: Sequence[Section]) -> Html:
    manifest = report_input.manifest
    description = report_input.recipe.description
    links = [tag("a", section.title, href=f"#{section.name}") for section in sections]
    return tag(
        "header",
        tag("h1", manifest.name),
        tag("p", description, class_="about") if description else "",
        tag("p", f"Run {manifest.run_id}, finished {manifest.finished}", class_="about"),
        tag("nav", *links),
    )


def _section(section: Section) -> Html:
    body = section.body if isinstance(section.body, Html) else joined([section.body])
    about = tag("p", section.about, class_="about")
    return tag("section", tag("h2", section.title), about, body, id=section.name)
