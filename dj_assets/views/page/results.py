"""The results of a run: the figures, the funnel, the checks and the distributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dj_assets.analysis.figures import compact, percent, rate
from dj_assets.analysis.funnel_chain import funnel_chain
from dj_assets.analysis.run_checks import CHECKS, Check, CheckResult
from dj_assets.home.run_manifest import FunnelStep
from dj_assets.views.distributions import LEGEND, drawn_panels
from dj_assets.views.page.html import Html, joined, table, tag
from dj_assets.views.page.report_input import ReportInput, Section
from dj_assets.views.panels import HEIGHT, WIDTH
from dj_assets.views.sankey import chain_figure, sankey_figure


def figures(report_input: ReportInput) -> Html:
    """Return the most important numbers."""
    manifest = report_input.manifest
    samples_in = manifest.samples
    reference = report_input.check_input.reference
    cards = [
        ("kept", rate(manifest.retention), f"{manifest.samples_out:,} of {samples_in:,} samples", "kept"),
        ("dropped", f"{manifest.dropped:,}", percent(manifest.dropped, samples_in), "lost"),
        (
            "quarantined",
            f"{manifest.quarantined:,}",
            "could not be processed",
            "odd" if manifest.quarantined else "",
        ),
    ]
    if manifest.created:
        replacing = manifest.expanded + manifest.grouped
        replaced = f"from {replacing:,} samples, which they replace" if replacing else "from others"
        cards.insert(1, ("created", f"{manifest.created:,}", replaced, ""))
    if reference:
        counts = f"{reference.rows_out:,} of {reference.rows_in:,}"
        cards.append(("published by the gallery", rate(reference.published_retention), counts, ""))
    if report_input.check_input.previous is not None:
        apart = 100 * (report_input.check_input.retention - report_input.check_input.previous)
        cards.append(("the run before", rate(report_input.check_input.previous), f"now {apart:+.2f} points", ""))
    return tag("div", *(_card(*card) for card in cards), class_="cards")


def _card(title: str, value: str, about: str, style: str) -> Html:
    parts = [tag("div", text, class_=name) for text, name in ((title, "ct"), (value, "cv"), (about, "ca"))]
    return tag("div", *parts, class_=f"card {style}")


def funnel(report_input: ReportInput) -> Section:
    """Return the samples in and out of every operator, with a sentence about the greatest loss."""
    manifest = report_input.manifest
    steps = [*manifest.loading, *manifest.funnel]
    made = tuple(manifest.made)
    rows = [_funnel_row(step, manifest.samples_in + manifest.created, made) for step in steps]
    head = ("operator", "", "in", "dropped", "quarantined", *made, "out", "passes")
    flow = Html(sankey_figure(steps)) if steps else Html("")
    body = joined([flow, table(head, rows, numbers_from=2)])
    return Section("funnel", "Funnel", _greatest(steps, manifest.samples), body)


def chain(report_input: ReportInput) -> Section | None:
    """Return the funnels of all subsets on the way to this one; None if its input is no other subset."""
    links = funnel_chain(report_input.manifest)
    if len(links) == 1:
        return None
    names = " → ".join(link.subset for link in links)
    first, last = links[0].samples_in, links[-1].samples_out
    about = f"{names}: {last:,} samples of {first:,} records."
    return Section("chain", "From the first source", about, Html(chain_figure(links)))


def _greatest(steps: Sequence[FunnelStep], samples_in: int) -> str:
    most = max(steps, key=lambda step: step.dropped, default=None)
    if most is None or not most.dropped:
        return "No operator dropped a sample."
    share = percent(most.dropped, samples_in)
    return f"{most.operator} dropped most: {most.dropped:,} samples, {share} of all."


def _funnel_row(step: FunnelStep, samples_in: int, made: Sequence[str]) -> list[str]:
    """Return the cells of a step; `made` are the further counts that the table shows."""
    given = ", ".join(f"{name} {value}" for name, value in step.params.items())
    widths = [f"{100 * count / samples_in if samples_in else 0:.3f}%" for count in (step.samples_out, step.dropped)]
    bars = [tag("i", class_=name, style=f"width:{width}") for name, width in zip(("bk", "bl"), widths, strict=True)]
    more = [int(getattr(step, name)) for name in made]
    counts = [f"{count:,}" if count else "" for count in (step.dropped, step.quarantined, *more)]
    return [
        joined([tag("b", step.operator), tag("small", given)]),
        tag("div", *bars, class_="bar"),
        f"{step.samples_in:,}",
        *counts,
        f"{step.samples_out:,}",
        "" if step.created else percent(step.samples_out, step.samples_in),
    ]


def checks(report_input: ReportInput) -> Section:
    """Return the result of every check, and the drift of every statistic."""
    results = [(check, check.judge(report_input.check_input)) for check in CHECKS]
    rows = [[_mark(check, result), check.name, result.because] for check, result in results]
    drift = [result.table for _, result in results if result.table]
    details = [_figures(rows) for rows in drift]
    failed = sum(not result.passed for _, result in results)
    about = f"{failed} of {len(rows)} checks did not pass." if failed else f"All {len(rows)} checks passed."
    return Section("checks", "Checks", about, joined([table(("", "check", "result"), rows), *details]))


def _mark(check: Check, result: CheckResult) -> Html:
    word, style = ("passed", "ok") if result.passed else (check.severity.lower(), check.severity.lower())
    return tag("span", word, class_=f"mark {style}")


def _figures(rows: Sequence[Mapping[str, str | int | float]]) -> Html:
    cells = [[value if isinstance(value, str) else compact(value) for value in row.values()] for row in rows]
    return tag("details", tag("summary", "drift of every statistic"), table(list(rows[0]), cells, numbers_from=1))


def distributions(report_input: ReportInput) -> Section:
    """Return a histogram of every statistic with its thresholds."""
    legend = [tag("span", tag("i", class_=f"key {style}"), label) for style, label in LEGEND]
    # the `viewBox` of the panel, so that it shrinks with the page
    around = f'<svg class="panel" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img">'
    panels = [Html(f"{around}{panel}</svg>") for panel in drawn_panels(report_input.database, report_input.plan)]
    if not panels:
        return Section("distributions", "Distributions", "This recipe measures no statistic.", "")
    body = joined([tag("div", *legend, class_="legend"), tag("div", *panels, class_="panels")])
    about = "Every statistic with the thresholds of the recipe; axes run from the 1st to the 99th percentile."
    return Section("distributions", "Distributions", about, body)
